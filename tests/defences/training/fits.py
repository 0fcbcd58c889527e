"""Small fits for tests of defences at training time."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from torch import nn

from leakdrill.archs import build
from leakdrill.archs.small_cnn import SmallCnn
from leakdrill.data.examples import Examples
from leakdrill.defences.training import TrainingAccount, fit_defended
from leakdrill.defences.training.base import TrainingDefence
from leakdrill.models.fit import Fit

NUM_CLASSES = 3
ARCH = SmallCnn(width=4, num_features=8, norm="group")
FIT = Fit(epochs=3, batch_size=8, learning_rate=0.05, precision="float32")


def images(count: int, seed: int) -> Examples:
    """Images (N, 12, 12, 3) of noise, whose labels hang on their brightness."""
    generator = np.random.default_rng(seed)
    inputs = generator.integers(0, 200, (count, 12, 12, 3))
    labels = generator.integers(0, NUM_CLASSES, count)
    return Examples((inputs + 25 * labels[:, None, None, None]).astype(np.uint8), labels)


TRAIN, HELD_OUT, PUBLIC = images(40, 1), images(20, 2), images(30, 3)


def fitted(
    defences: Sequence[TrainingDefence], fit: Fit = FIT, train: Examples = TRAIN, **others: Any
) -> tuple[nn.Sequential, TrainingAccount]:
    model = build(ARCH, NUM_CLASSES, seed=5)
    settings: dict[str, Any] = {"validation": HELD_OUT, "keep": "last", "public": PUBLIC} | others
    return model, fit_defended(model, train, fit, defences, 7, **settings)


def weights(model: nn.Module) -> dict[str, bytes]:
    return {name: tensor.contiguous().numpy().tobytes() for name, tensor in model.state_dict().items()}
