import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.stats import norm

from leakdrill.labelonly.noise import share_kept
from leakdrill.labelonly.space import GREY_LEVELS, Floats, Space

DIMENSION = 50
UNBOUNDED = Space(-100.0, 100.0)


def on_a_plane(margins: NDArray[np.float64], num_copies: int, space: Space = UNBOUNDED) -> NDArray[np.float64]:
    """Shares of copies with noise of deviation 1 that stay on the near side, for examples so far from the plane."""
    normal = np.full(DIMENSION, DIMENSION**-0.5, np.float32)
    examples = (-margins[:, np.newaxis] * normal).astype(np.float32)
    generators = [torch.Generator().manual_seed(number) for number in range(len(margins))]
    labels = np.zeros(len(margins), np.int64)
    return share_kept(
        lambda points: (points @ normal > 0).astype(np.int64), examples, labels, 1.0, num_copies, space, generators
    )


def test_on_a_linear_classifier_it_is_the_normal_distribution_of_the_distance() -> None:
    margins, num_copies = np.linspace(0, 2, 40), 2000
    expected = norm.cdf(margins)
    errors = (on_a_plane(margins, num_copies) - expected) / np.sqrt(expected * (1 - expected) / num_copies)
    assert np.abs(errors).max() < 3.5
    assert errors.std() == pytest.approx(1, abs=0.35)


def test_a_share_does_not_depend_on_how_examples_are_batched(monkeypatch: pytest.MonkeyPatch) -> None:
    margins = np.linspace(0, 2, 10)
    whole = on_a_plane(margins, 100)
    monkeypatch.setattr("leakdrill.labelonly.noise.MAX_BATCH_BYTES", 1)
    np.testing.assert_array_equal(on_a_plane(margins, 100), whole)


def test_copies_are_images() -> None:
    asked: list[Floats] = []

    def predict_label(images: Floats) -> NDArray[np.int64]:
        asked.append(images.copy())
        return np.zeros(len(images), np.int64)

    inputs = np.random.default_rng(0).integers(0, 256, (3, 4, 4, 3)).astype(np.float32)
    generators = [torch.Generator().manual_seed(number) for number in range(3)]
    labels = np.array([0, 0, 1])
    shares = share_kept(predict_label, inputs, labels, 60.0, 7, GREY_LEVELS, generators)
    np.testing.assert_array_equal(shares, [1, 1, 0])
    images = np.concatenate(asked)
    assert images.shape == (21, 4, 4, 3)
    np.testing.assert_array_equal(images, images.astype(np.uint8))
