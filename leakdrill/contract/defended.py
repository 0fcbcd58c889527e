"""What defences are tried on: images of three classes, mostly red, green or blue, and a small network."""

import numpy as np
import pytest

from leakdrill.archs.small_cnn import SmallCnn
from leakdrill.contract.option import PLUGIN
from leakdrill.data.examples import Examples
from leakdrill.data.forms import ImageForm
from leakdrill.models.fit import Fit
from leakdrill.spec import Spec

ARCH, FORM, NUM_CLASSES = SmallCnn(width=4, num_features=16), ImageForm(8), 3
FIT = Fit(epochs=3, batch_size=8, learning_rate=0.05, precision="float32")


def coloured(num_of_each: int, seed: int) -> Examples:
    labels = np.repeat(np.arange(NUM_CLASSES), num_of_each)
    inputs = np.random.default_rng(seed).integers(0, 120, (len(labels), *FORM.shape), dtype=np.uint8)
    inputs[np.arange(len(labels)), :, :, labels] += 120
    return Examples(inputs, labels)


def named(request: pytest.FixtureRequest) -> Spec:
    """What --plugin names."""
    return request.config.stash[PLUGIN]
