import numpy as np
import pytest

from leakdrill.attacks.attack_models.groups import Grouped
from leakdrill.attacks.attack_models.threshold import best_threshold, fit_threshold


def decided_rightly(tau: float, members: np.ndarray, non_members: np.ndarray) -> int:
    return int((members <= tau).sum() + (non_members > tau).sum())


@pytest.mark.parametrize("seed", range(20))
def test_no_threshold_decides_more_records_rightly(seed: int) -> None:
    generator = np.random.default_rng(seed)
    # rounded, so that there are ties, some of them between members and non-members
    members, non_members = generator.gamma(2, 1, 30).round(1), generator.gamma(3, 1, 25).round(1)
    best = decided_rightly(best_threshold(members, non_members), members, non_members)
    everywhere = np.linspace(-0.1, 20, 4021)
    assert best == max(decided_rightly(tau, members, non_members) for tau in everywhere)


def test_it_lies_half_way_between_the_two_kinds() -> None:
    assert best_threshold(np.array([0.1, 0.2]), np.array([0.6, 0.9])) == pytest.approx(0.4)


def test_of_equally_good_thresholds_the_smallest_is_taken() -> None:
    assert best_threshold(np.array([0.2, 0.6]), np.array([0.4, 0.8])) == pytest.approx(0.3)


def test_if_nothing_tells_them_apart_nothing_is_called_in() -> None:
    assert best_threshold(np.array([0.5]), np.array([0.5])) < 0.5


def test_an_entropy_of_exactly_zero_can_be_called_in() -> None:
    assert best_threshold(np.array([0.0, 0.0, 0.5]), np.array([0.1, 0.7, 0.8])) < 0.1
    judge = fit_threshold(Grouped(np.array([[0.0], [0.0], [2.0]]), np.zeros(3, int), np.array([True, True, False])))
    scores, decisions = judge(np.array([[0.0]]), np.zeros(1, int))
    assert decisions[0]
    assert scores[0] >= 0


def test_if_all_members_lie_lowest_everything_can_be_called_in() -> None:
    members, non_members = np.array([0.3, 0.5, 0.7]), np.array([0.6])
    tau = best_threshold(members, non_members)
    assert decided_rightly(tau, members, non_members) == 3


def test_each_group_has_its_own_threshold_and_scores_are_distances_below_it() -> None:
    inputs = np.array([0.0, 1.0, 10.0, 11.0])[:, np.newaxis]
    judge = fit_threshold(Grouped(inputs, np.array([0, 0, 1, 1]), np.array([True, False, True, False])))
    scores, decisions = judge(np.array([[0.2], [0.2], [10.9]]), np.array([0, 1, 1]))
    np.testing.assert_allclose(scores, [0.3, 10.3, -0.4])
    np.testing.assert_array_equal(decisions, [True, True, False])
