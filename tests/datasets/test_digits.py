import io

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits

from leakdrill.datasets.digits import Digits


def test_all_digits_are_there_with_their_labels() -> None:
    source = Digits(set="digits").open()
    assert source.classes == list("0123456789")
    assert np.array_equal(source.labels, load_digits().target)
    assert len(set(source.groups.tolist())) == len(source.labels) == 1797


def test_the_sixteen_grey_levels_fill_the_range_and_are_lossless() -> None:
    source = Digits(set="digits").open()
    (file,) = source.encoded([5])
    image = np.asarray(Image.open(io.BytesIO(file)))
    assert image.shape == (8, 8, 3)
    grey = load_digits().images[5]
    for channel in range(3):
        assert np.array_equal(np.rint(image[:, :, channel] / 255 * 16), grey)
    assert image.max() == 255
