import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.stats import norm

from leakdrill.data.examples import Examples
from leakdrill.labelonly.columns import Columns
from leakdrill.labelonly.noise import gaussian, kept, on_rows
from leakdrill.labelonly.space import GREY_LEVELS, Floats, Space

DIMENSION = 50
UNBOUNDED = Space(-100.0, 100.0)


def on_a_plane(margins: NDArray[np.float64], num_copies: int, space: Space = UNBOUNDED) -> NDArray[np.float64]:
    """Shares of copies with noise of deviation 1 that stay on the near side, for examples so far from the plane."""
    normal = np.full(DIMENSION, DIMENSION**-0.5, np.float32)
    examples = (-margins[:, np.newaxis] * normal).astype(np.float32)
    generators = [torch.Generator().manual_seed(number) for number in range(len(margins))]
    labels = np.zeros(len(margins), np.int64)
    is_kept = kept(
        lambda points: (points @ normal > 0).astype(np.int64),
        examples,
        labels,
        gaussian(1.0, space),
        num_copies,
        generators,
    )
    shares: NDArray[np.float64] = is_kept.mean(axis=1)
    return shares


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
    is_kept = kept(predict_label, inputs, labels, gaussian(60.0, GREY_LEVELS), 7, generators)
    np.testing.assert_array_equal(is_kept.mean(axis=1), [1, 1, 0])
    images = np.concatenate(asked)
    assert images.shape == (21, 4, 4, 3)
    np.testing.assert_array_equal(images, images.astype(np.uint8))


def test_bits_are_flipped_and_other_columns_moved_by_a_share_of_their_range() -> None:
    own = np.array([[0, 1, 100], [1, 0, 300]], np.float32)
    columns = Columns.of(Examples(own, np.zeros(2, np.int64)))
    copies = np.repeat(np.array([[1, 0, 250]], np.float32), 20_000, axis=0)
    on_rows(0.1, 0.05, columns)(copies, torch.Generator().manual_seed(0))
    np.testing.assert_array_equal(np.unique(copies[:, :2]), [0, 1])
    assert (copies[:, :2] != [1, 0]).mean(axis=0) == pytest.approx([0.05, 0.05], abs=0.005)
    assert copies[:, 2].mean() == pytest.approx(250, abs=0.5)
    assert copies[:, 2].std() == pytest.approx(20, rel=0.02)


def test_a_column_is_binary_only_if_all_of_the_adversarys_rows_say_so() -> None:
    pools = [
        Examples(np.array(rows, np.float32), np.zeros(2, np.int64)) for rows in ([[0, 1], [1, 1]], [[0, 2], [1, 7]])
    ]
    columns = Columns.of(*pools)
    assert columns.is_binary.tolist() == [True, False]
    np.testing.assert_allclose(columns.to_unit(pools[1].inputs), [[0, 1 / 6], [1, 1]], rtol=1e-6)
    np.testing.assert_allclose(columns.from_unit(columns.to_unit(pools[1].inputs)), pools[1].inputs)
