import numpy as np
import pytest

from leakdrill.metrics import Judged, clopper_pearson, roc, tpr_at_fpr


def judge(members: np.ndarray, non_members: np.ndarray) -> Judged:
    scores = np.concatenate([members, non_members])[None].astype(np.float64)
    truth = np.arange(scores.shape[1]) < len(members)
    return Judged(scores, scores > 0, truth, np.zeros(scores.shape[1], np.int64))


def test_the_curve_of_four_examples_drawn_by_hand() -> None:
    fpr, tpr, thresholds = roc(np.array([4.0, 3.0, 2.0, 1.0]), np.array([True, False, True, False]))
    assert fpr.tolist() == [0, 0, 0.5, 0.5, 1]
    assert tpr.tolist() == [0, 0.5, 0.5, 1, 1]
    assert thresholds.tolist() == [np.inf, 4, 3, 2, 1]


def test_ties_are_taken_together() -> None:
    fpr, tpr, thresholds = roc(np.array([2.0, 2.0, 1.0, 1.0]), np.array([True, False, True, False]))
    assert fpr.tolist() == [0, 0.5, 1]
    assert tpr.tolist() == [0, 0.5, 1]
    assert thresholds.tolist() == [np.inf, 2, 1]


def test_the_area_under_the_steps_is_the_auc() -> None:
    generator = np.random.default_rng(0)
    truth = np.arange(200) < 80
    scores = generator.integers(0, 20, 200) + 3.0 * truth
    fpr, tpr, _ = roc(scores, truth)
    members, non_members = scores[truth], scores[~truth]
    pairs = (members[:, None] > non_members).mean() + 0.5 * (members[:, None] == non_members).mean()
    assert np.trapezoid(tpr, fpr) == pytest.approx(pairs)


def test_tpr_at_fpr_takes_the_largest_set_within_the_target_and_counts_it() -> None:
    # 100 non-members 0..99; members at 95.5 (four above), 90.5 and 89.5 (nine and ten above), 10.5
    point = tpr_at_fpr(judge(np.array([95.5, 90.5, 89.5, 88.5, 10.5]), np.arange(100)), (0.1,))[0]
    assert (point.true_positives, point.false_positives, point.value) == (3, 10, 0.6)
    assert (point.low, point.high) == clopper_pearson(3, 5)


def test_a_tie_that_would_break_the_target_is_left_out_whole() -> None:
    scores = np.concatenate([np.full(11, 5.0), np.zeros(89)])  # eleven non-members share the top score with a member
    point = tpr_at_fpr(judge(np.array([5.0, 6.0]), scores), (0.1,))[0]
    assert (point.true_positives, point.false_positives) == (1, 0)


def test_targets_that_stand_for_fewer_than_ten_non_members_are_left_out() -> None:
    members = np.arange(50)
    assert [p.fpr for p in tpr_at_fpr(judge(members, np.arange(99)))] == []
    assert [p.fpr for p in tpr_at_fpr(judge(members, np.arange(100)))] == [0.1]
    assert [p.fpr for p in tpr_at_fpr(judge(members, np.arange(10_000)))] == [0.1, 0.01, 0.001]


def test_a_perfect_attack_has_all_members_without_a_false_positive_below_the_target() -> None:
    point = tpr_at_fpr(judge(np.arange(100, 200), np.arange(100)), (0.1,))[0]
    assert (point.value, point.false_positives) == (1.0, 10)  # the largest set; its members are complete
