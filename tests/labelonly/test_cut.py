import numpy as np
import pytest

from leakdrill.labelonly.cut import best_cut, separation


def test_the_cut_lies_between_members_and_others_that_are_apart() -> None:
    assert best_cut(np.array([3.0, 4, 5]), np.array([0.0, 1, 2])) == 2.5


def test_a_few_on_the_wrong_side_do_not_move_it() -> None:
    assert best_cut(np.array([0.5, 3, 4, 5]), np.array([0.0, 1, 2, 4.5])) == 2.5


def test_kinds_weigh_the_same_however_many_there_are() -> None:
    assert best_cut(np.array([1.0]), np.repeat([0.0, 2.0], [60, 40])) == 0.5


def test_who_cannot_tell_accuses_nobody() -> None:
    same = np.array([1.0, 2.0])
    assert best_cut(same, same) == 2.0
    assert best_cut(np.array([1.0]), np.array([2.0])) == 2.0


def test_when_all_should_be_in_all_are() -> None:
    tau = best_cut(np.array([5.0]), np.array([5.0]) - 1)
    assert 4 < tau < 5


def test_separation_is_auc_with_ties_as_halves() -> None:
    assert separation(np.array([2.0, 3]), np.array([0.0, 1])) == 1
    assert separation(np.array([1.0, 1]), np.array([1.0, 1])) == 0.5
    assert separation(np.array([0.0, 2]), np.array([1.0, 2])) == pytest.approx(1.5 / 4)
    assert separation(np.array([np.inf, 0]), np.array([np.inf, 0])) == 0.5
