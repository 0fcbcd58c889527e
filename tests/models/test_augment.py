import numpy as np
import pytest
from numpy.typing import NDArray
from torch import Tensor, nn

from leakdrill.archs import SmallCnn, build, cut
from leakdrill.data.examples import Examples
from leakdrill.errors import ScenarioError
from leakdrill.labelonly.augmentations import translations
from leakdrill.models.augment import GREY, Change, draw_change
from leakdrill.models.batches import Rows
from leakdrill.models.fit import Fit
from leakdrill.models.training import descend, fit_model, to_tensor
from leakdrill.models.transfer import adapt, frozen_features

IMAGES = np.random.default_rng(0).integers(0, 256, (6, 9, 7, 3), dtype=np.uint8)


def epochs(fit: Fit, num_examples: int) -> list[tuple[Rows, Change | None]]:
    """The batches that a training by `fit` asks for."""
    asked: list[tuple[Rows, Change | None]] = []

    def gather(rows: Rows, change: Change | None) -> Tensor:
        asked.append((rows, change))
        return to_tensor(IMAGES[rows]).flatten(1)

    descend(nn.Linear(9 * 7 * 3, 2), gather, np.arange(num_examples) % 2, fit, seed=0)
    return asked


def test_an_epoch_has_every_translation_that_the_attack_asks_about_once() -> None:
    fit = Fit(epochs=1, batch_size=7, translate=2, learning_rate=1e-6)
    seen = [
        (int(row), image.tobytes())
        for rows, change in epochs(fit, num_examples=6)
        for row, image in zip(rows, change.apply(IMAGES[rows]) if change else [], strict=True)
    ]
    wanted = [(row, image.tobytes()) for row in range(6) for image in translations(IMAGES, 2)[row]]
    assert sorted(seen) == sorted(wanted)
    assert fit.passes == len(seen) / 6 == 9


def test_a_random_shift_goes_up_to_its_limit_each_way_and_repeats_the_edge() -> None:
    change = draw_change(Fit(shift=2), np.zeros(500, np.int64), np.random.default_rng(1))
    assert change is not None
    assert change.moved is not None
    assert {tuple(by) for by in change.moved.tolist()} == {(i, j) for i in range(-2, 3) for j in range(-2, 3)}
    moved = Change(moved=np.array([[2, 0], [0, -1]])).apply(IMAGES[:2].copy())
    np.testing.assert_array_equal(moved[0], IMAGES[0, [0, 0, 0, 1, 2, 3, 4, 5, 6]])
    np.testing.assert_array_equal(moved[1], IMAGES[1][:, [1, 2, 3, 4, 5, 6, 6]])


def test_a_hole_is_a_grey_square_around_its_middle_that_may_hang_over_the_edge() -> None:
    holes = np.array([[4 / 9, 3 / 7], [0.0, 0.0]])
    cut_out = Change(holes=holes, hole_size=3).apply(IMAGES[:2].copy())
    wanted = IMAGES[:2].copy()
    wanted[0, 3:6, 2:5] = GREY
    wanted[1, :2, :2] = GREY
    np.testing.assert_array_equal(cut_out, wanted)


def test_the_same_seed_draws_the_same_changes_and_what_is_not_asked_for_draws_nothing() -> None:
    fit = Fit(epochs=2, batch_size=4, flip=True, shift=1, cutout=2, learning_rate=1e-6)
    one, other = ([change.apply(IMAGES[rows]).tobytes() for rows, change in epochs(fit, 6) if change] for _ in range(2))
    assert one == other
    assert len(one) == 4
    assert all(change is None for _, change in epochs(Fit(epochs=1, batch_size=4), 6))


def test_flips_are_drawn_as_they_were_before_there_were_other_changes() -> None:
    """A run made with an earlier version can be reproduced."""
    generator = np.random.default_rng(3)
    change = draw_change(Fit(flip=True), np.zeros(50, np.int64), np.random.default_rng(3))
    assert change is not None
    assert change.mirrored is not None
    np.testing.assert_array_equal(change.mirrored, generator.random(50) < 0.5)
    assert change.moved is None
    assert change.holes is None


@pytest.mark.parametrize("fit", [Fit(translate=1), Fit(shift=1), Fit(cutout=2, flip=True)], ids=str)
def test_frozen_features_are_those_of_the_changed_images(fit: Fit) -> None:
    extractor = build(SmallCnn(width=4, num_features=8), 2)[:-1]
    rows: NDArray[np.int64] = np.array([0, 3, 5])
    change = draw_change(fit, np.array([0, 1, 2]), np.random.default_rng(0))
    assert change is not None
    got = frozen_features(extractor, IMAGES, fit)(rows, change)
    wanted = extractor.eval()(to_tensor(change.apply(IMAGES[rows])))
    np.testing.assert_allclose(got.numpy(), wanted.detach().numpy(), atol=1e-5)


@pytest.mark.parametrize("method", ["freeze", "fine_tune"])
def test_a_transfer_trains_on_changed_images_too(method: str) -> None:
    arch = SmallCnn(width=4, num_features=8)
    extractor, head = cut(build(arch, 2))
    train = Examples(IMAGES, np.arange(6) % 2)
    plain, moved = (
        adapt(extractor, head, train, Fit(epochs=2, batch_size=3, translate=pixels), method, seed=0)  # type: ignore[arg-type]
        for pixels in (0, 1)
    )
    assert not np.array_equal(plain[-1].weight.detach().numpy(), moved[-1].weight.detach().numpy())


def test_records_that_are_no_images_cannot_be_moved() -> None:
    records = Examples(np.zeros((4, 5), np.uint8), np.arange(4) % 2)
    with pytest.raises(ScenarioError, match=r"are for images, got records of shape \(5,\): leave them out"):
        fit_model(nn.Linear(5, 2), records, Fit(epochs=1, shift=1), seed=0)
