"""What is particular to each of the simple ones, with answers by hand."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from leakdrill.defences import MemGuardStrongest, OutputNoise, Rounding, Temperature, TopK, guard_faces
from leakdrill.defences.base import Answered, Defence
from leakdrill.defences.keyed import keys_of, normals, uniforms
from leakdrill.defences.rounding import to_figures
from leakdrill.errors import ScenarioError
from tests.defences.answers import keys, members, non_members

ROW = np.array([[0.08, 0.555, 0.305, 0.06]])
NO_KEYS = np.zeros(1, np.uint64)


@pytest.mark.parametrize(
    ("defence", "expected"),
    [
        (Rounding(decimals=1), [0.1, 0.5, 0.3, 0.1]),
        (Rounding(decimals=2), [0.08, 0.56, 0.30, 0.06]),
        (TopK(k=1), [0.445 / 3, 0.555, 0.445 / 3, 0.445 / 3]),
        (TopK(k=2), [0.07, 0.555, 0.305, 0.07]),
        (Temperature(temperature=0.5), ROW[0] ** 2 / (ROW[0] ** 2).sum()),
        (MemGuardStrongest(margin=0.03), [0.24, 0.28, 0.24, 0.24]),
    ],
)
def test_a_row_by_hand(defence: Defence, expected: list[float]) -> None:
    assert defence.defend(ROW, NO_KEYS)[0] == pytest.approx(np.array(expected), abs=1e-12)


def test_rounded_scores_are_never_in_another_order() -> None:
    scores = non_members(300, 6)
    order = np.argsort(scores, axis=1)
    for decimals in (1, 3):
        rounded = np.take_along_axis(Rounding(decimals=decimals).defend(scores, keys(300)), order, axis=1)
        assert (np.diff(rounded, axis=1) >= 0).all()


def test_under_the_strongest_form_a_label_blind_function_of_the_scores_tells_nothing() -> None:
    both = np.concatenate([members(500, 6), non_members(500, 6)])
    is_member = np.repeat([True, False], 500)
    defended = MemGuardStrongest().defend(both, keys(1000))
    for label in range(6):
        alike = defended[both.argmax(axis=1) == label]
        assert (alike == alike[0]).all()
    assert np.unique(np.sort(defended, axis=1), axis=0).shape[0] == 1
    assert roc_auc_score(is_member, both.max(axis=1)) > 0.7
    assert roc_auc_score(is_member, defended.max(axis=1)) == 0.5


def test_noise_has_the_deviation_that_it_is_given() -> None:
    scores = np.tile(np.array([0.5, 0.3, 0.1, 0.1]), (20_000, 1))
    noisy = OutputNoise(eta=0.01).defend(scores, keys(20_000))
    share = noisy[:, 0] / noisy[:, 1]  # free of the scaling; deviations of a ratio add up in squares
    assert share.std() / share.mean() == pytest.approx(0.01 * 2**0.5, rel=0.05)


def test_draws_are_uniform_and_normal_and_of_their_own_for_each_stream() -> None:
    own = keys(50_000)
    drawn, other = uniforms(own, "one", 2), uniforms(own, "two", 2)
    assert np.histogram(drawn, bins=10, range=(0, 1))[0] / drawn.size == pytest.approx(0.1, abs=0.005)
    for columns in ((drawn[:, 0], drawn[:, 1]), (drawn[:, 0], other[:, 0])):
        assert abs(np.corrcoef(*columns)[0, 1]) < 0.02
    assert normals(own, "one", 1).std() == pytest.approx(1, abs=0.02)
    consecutive = uniforms(np.arange(50_000, dtype=np.uint64), "one", 1)[:, 0]
    assert abs(np.corrcoef(consecutive[1:], consecutive[:-1])[0, 1]) < 0.02


def test_a_key_hangs_on_every_byte_of_the_image_and_on_the_secret() -> None:
    images = np.zeros((3, 4, 4, 3), np.uint8)
    images[1, 3, 3, 2] = 1
    first, changed, same = keys_of(images, secret=1)
    assert first == same
    assert changed != first
    assert first not in keys_of(images, secret=2)


def test_rows_that_no_model_tells_apart_have_one_key() -> None:
    rows = np.array([[1.5, 0.0], [1.5, -0.0], [-1.5, 0.0]], np.float32)
    plain, minus_zero, other = keys_of(rows, secret=1)
    assert plain == minus_zero != other


@pytest.mark.parametrize(
    ("figures", "expected"), [(1, [0.1, 0.02, 0, -0.0007, 2]), (3, [0.123, 0.0196, 0, -0.000655, 1.51])]
)
def test_significant_figures_by_hand(figures: int, expected: list[float]) -> None:
    numbers = np.array([[0.12345, 0.019555, 0, -0.00065456, 1.5055]])
    assert to_figures(numbers, figures)[0] == pytest.approx(np.array(expected), abs=1e-12)
    defence = Rounding(figures=figures)
    for answered in ("embedding", "distance"):
        assert (defence.before(answered)(numbers, NO_KEYS) == to_figures(numbers, figures)).all()
    assert (defence.defend(numbers, NO_KEYS) == to_figures(numbers, figures)).all()


def test_rounding_takes_decimals_or_figures_and_only_figures_suit_embeddings() -> None:
    with pytest.raises(ValueError, match="both decimals and figures"):
        Rounding(decimals=2, figures=2)
    assert Rounding().defends == {"scores"}
    with pytest.raises(ScenarioError, match="rounding cannot defend an API's embedding, only scores"):
        Rounding().before("embedding")
    with pytest.raises(ScenarioError, match="top_k cannot defend an API's distance"):
        guard_faces([TopK()], "distance", seed=1)


def test_noisy_embeddings_have_length_1_and_the_deviation_they_are_given() -> None:
    embeddings = np.tile(np.array([[0.6, 0.8, 0.0]]), (20_000, 1))
    noisy = OutputNoise(eta=0.01).before("embedding")(embeddings, keys(20_000))
    assert np.linalg.norm(noisy, axis=1) == pytest.approx(1, abs=1e-12)
    share = noisy[:, 0] / noisy[:, 1]
    assert share.std() / share.mean() == pytest.approx(0.01 * 2**0.5, rel=0.05)
    assert (noisy[:, 2] == 0).all()


def test_noisy_distances_have_mean_and_deviation_and_none_is_negative() -> None:
    apart = np.full((20_000, 1), 1.2)
    noisy = OutputNoise(eta=0.1).before("distance")(apart, keys(20_000))
    assert (noisy.mean(), noisy.std()) == pytest.approx((1.2, 0.12), rel=0.05)
    assert OutputNoise(eta=5).before("distance")(apart, keys(20_000)).min() == 0


@pytest.mark.parametrize("answered", ["embedding", "distance"])
def test_faces_are_guarded_alike_whenever_they_are_asked_about_unless_the_noise_is_fresh(answered: Answered) -> None:
    numbers = np.random.default_rng(0).normal(size=(50, 4)).astype(np.float32)
    own = keys(50)
    for fresh in (False, True):
        guard = guard_faces([OutputNoise(fresh=fresh), Rounding(figures=3)], answered, seed=1)
        assert guard is not None
        assert (guard.defended(numbers, own) == guard.defended(numbers, own)).all() != fresh
    off = guard_faces([OutputNoise(eta=0)], answered, seed=1)
    assert off is not None
    assert off.defended(numbers, own).tobytes() == numbers.tobytes()
    assert guard_faces([], answered, seed=1) is None


@pytest.mark.parametrize("eta", [-0.1, float("nan"), 11])
def test_noise_of_a_negative_or_absurd_scale_is_refused(eta: float) -> None:
    with pytest.raises(ValueError, match="eta"):
        OutputNoise(eta=eta)


def test_both_readings_of_top_k_can_be_had_from_a_defended_row() -> None:
    """What is not shown is the smallest there is, so the k scores in order, or zeros for the rest, are at hand."""
    scores = non_members(200, 6)
    for k in (1, 3, 5):
        shown = TopK(k=k).defend(scores, keys(200))
        assert (np.sort(shown, axis=1)[:, -k:] == np.sort(scores, axis=1)[:, -k:]).all()
        hidden = shown == shown.min(axis=1, keepdims=True)
        assert (hidden.sum(axis=1) == 6 - k).all()
        assert (np.where(hidden, 0, shown) == np.where(hidden, 0, scores)).all()
