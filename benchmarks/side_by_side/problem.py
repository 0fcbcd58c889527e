"""A network, photos that it gets right, and for each a start image that it calls something else."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from leakdrill.archs import SmallCnn, build
from leakdrill.data.examples import Examples
from leakdrill.datasets.source import open_image
from leakdrill.datasets.synthfaces import SynthFaces
from leakdrill.models.fit import Fit
from leakdrill.models.training import fit_model

NUM_CLASSES, IMAGE_SIZE = 20, 32
NUM_TRAIN, NUM_TEST = 30, 50  # photos of each class
BATCH_SIZE = 256
ARCH = SmallCnn(width=16)

Images = NDArray[np.float32]
#: Labels (N,) of images (N, H, W, 3) in [0, 1].
PredictLabel = Callable[[Images], NDArray[np.generic]]


@dataclass(frozen=True)
class Problem:
    """Images that the model gets right, and for each a start that it calls something else."""

    images: Images
    labels: NDArray[np.int64]
    starts: Images

    def first(self, count: int) -> "Problem":
        return Problem(self.images[:count], self.labels[:count], self.starts[:count])


def trained_model() -> tuple[nn.Module, Examples]:
    """A network, and photos that it was not trained on."""
    source = SynthFaces(classes=NUM_CLASSES, per_class=NUM_TRAIN + NUM_TEST, size=IMAGE_SIZE).open()
    files = source.encoded(range(len(source.labels)))
    inputs = np.stack([np.asarray(open_image(file)) for file in files])
    is_train = np.arange(len(inputs)) % (NUM_TRAIN + NUM_TEST) < NUM_TRAIN
    model = build(ARCH, NUM_CLASSES, seed=1)
    fit_model(
        model,
        Examples(inputs[is_train], source.labels[is_train]),
        Fit(epochs=20, batch_size=32, learning_rate=0.05),
        seed=2,
    )
    order = np.random.default_rng(0).permutation(np.flatnonzero(~is_train))
    return model, Examples(inputs[order], source.labels[order])


def make_problem(predict_label: PredictLabel, examples: Examples, count: int) -> Problem:
    images = (examples.inputs / np.float32(255)).astype(np.float32)
    predicted = np.asarray(predict_label(images))
    right = np.flatnonzero(predicted == examples.labels)
    assert len(right) >= count, f"the model gets {len(right)} images right, asked for {count}"
    generator, chosen = np.random.default_rng(1), right[:count]
    starts = [generator.choice(np.flatnonzero(predicted != examples.labels[row])) for row in chosen]
    return Problem(images[chosen], examples.labels[chosen], images[starts])


def in_process(model: nn.Module) -> PredictLabel:
    def predict_label(images: Images) -> NDArray[np.generic]:
        labels = np.empty(len(images), np.int64)
        with torch.inference_mode():
            for start in range(0, len(images), BATCH_SIZE):
                batch = torch.from_numpy(images[start : start + BATCH_SIZE]).permute(0, 3, 1, 2) * 2 - 1
                labels[start : start + BATCH_SIZE] = model(batch).argmax(1).numpy()
        return labels

    return predict_label
