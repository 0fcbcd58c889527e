import numpy as np
import pytest

from leakdrill.errors import ScenarioError
from leakdrill.models.verification import NUM_FOLDS, Pairs, best_threshold, calibrate, distances, draw_pairs

EAST, NORTH, WEST = np.array([[1, 0], [0, 1], [-1, 0]], np.float32)[:, np.newaxis]


def test_unit_vectors_are_from_0_to_2_apart_in_either_metric() -> None:
    for other, euclidean, cosine in ((EAST, 0, 0), (NORTH, 2**0.5, 1), (WEST, 2, 2)):
        assert distances(EAST, other, "euclidean") == pytest.approx(euclidean)
        assert distances(EAST, other, "cosine") == pytest.approx(cosine)


def test_a_distance_depends_on_its_pair_alone() -> None:
    first, second = np.random.default_rng(0).normal(size=(2, 300, 97)).astype(np.float32)
    for metric in ("euclidean", "cosine"):
        together = distances(first, second, metric)
        assert together[[7]].tobytes() == distances(first[[7]], second[[7]], metric).tobytes()
        assert together.tobytes() == distances(second, first, metric).tobytes()


@pytest.mark.parametrize(
    ("apart", "same", "threshold"),
    [
        ([0.1, 0.2, 0.8, 0.9], [True, True, False, False], 0.5),
        ([0.1, 0.2, 0.8, 0.9], [True, False, True, True], 0.9),  # accepts all
        ([0.9, 0.1, 0.2, 0.8], [False, True, True, False], 0.5),
        ([0.5, 0.5, 0.5, 0.7], [True, True, False, False], 0.6),  # equals stand or fall together
    ],
)
def test_the_best_threshold_by_hand(apart: list[float], same: list[bool], threshold: float) -> None:
    assert best_threshold(np.array(apart, np.float32), np.array(same)) == pytest.approx(threshold)


def test_where_the_closest_are_strangers_nobody_is_accepted() -> None:
    apart = np.array([0.1, 0.2], np.float32)
    assert not (apart <= best_threshold(apart, np.array([False, False]))).any()


def test_two_gaussians_are_told_apart_as_well_as_their_overlap_allows() -> None:
    generator = np.random.default_rng(3)
    apart = np.concatenate([generator.normal(0, 1, 20_000), generator.normal(2, 1, 20_000)]).astype(np.float32)
    none = np.zeros(40_000, np.int64)
    pairs = Pairs(none, none, np.repeat([True, False], 20_000), np.tile(np.arange(20_000) % NUM_FOLDS, 2))
    found = calibrate(apart, pairs)
    assert found.accuracy == pytest.approx(0.8413, abs=0.01)  # Phi(1)
    assert found.threshold == pytest.approx(1, abs=0.15)
    assert (found.num_pairs, found.num_folds) == (40_000, NUM_FOLDS)
    assert 0 < found.accuracy_error < 0.01


def test_the_threshold_is_not_chosen_on_the_fold_it_is_judged_on() -> None:
    """Two pairs in each fold, labelled at random, so that a threshold chosen on all of them would look good."""
    generator = np.random.default_rng(5)
    accuracies = []
    for _ in range(200):
        is_same, none = generator.permutation(np.repeat([True, False], 10)), np.zeros(20, np.int64)
        pairs = Pairs(none, none, is_same, np.arange(20) % NUM_FOLDS)
        accuracies.append(calibrate(generator.random(20).astype(np.float32), pairs).accuracy)
    assert np.mean(accuracies) < 0.5


@pytest.mark.parametrize("num_people", [3, 40])
def test_pairs_are_distinct_half_of_one_person_each_and_spread_over_the_folds(num_people: int) -> None:
    labels = np.random.default_rng(0).permutation(np.repeat(np.arange(num_people), 8))
    pairs = draw_pairs(labels, np.random.default_rng(1), max_pairs=150)
    assert (len(pairs), pairs.is_same.sum()) == (150, 75)
    assert ((labels[pairs.first] == labels[pairs.second]) == pairs.is_same).all()
    assert len({frozenset(pair) for pair in zip(pairs.first.tolist(), pairs.second.tolist(), strict=True)}) == 150
    assert (pairs.first != pairs.second).all()
    for kind in (True, False):
        assert np.ptp(np.bincount(pairs.folds[pairs.is_same == kind], minlength=NUM_FOLDS)) <= 1


def test_the_same_seed_draws_the_same_pairs_and_all_there_are_if_these_are_few() -> None:
    labels = np.repeat(np.arange(4), 5)
    first, again = (draw_pairs(labels, np.random.default_rng(1)) for _ in range(2))
    assert (first.first == again.first).all()
    assert len(first) == 80  # 4 x 10 pairs of one person, and as many of two
    with pytest.raises(ScenarioError, match=r"6 pairs of one person .* raise data.target.train"):
        draw_pairs(np.repeat(np.arange(2), 3), np.random.default_rng(1))
    with pytest.raises(ScenarioError, match="0 of two"):
        draw_pairs(np.zeros(30, np.int64), np.random.default_rng(1))
