import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from leakdrill.errors import InvalidInput
from leakdrill.metrics.judged import Judged
from leakdrill.metrics.resampling import Resamples
from leakdrill.metrics.statistics import auc, decision_rates, mean_over_repeats, statistic, target_fpr, tpr


def judge(members: list[float], non_members: list[float], threshold: float = 0.5) -> Judged:
    scores = np.array([members + non_members], dtype=np.float64)
    is_member = np.arange(scores.shape[1]) < len(members)
    return Judged(scores, scores > threshold, is_member, np.zeros(scores.shape[1], np.int64))


def value(judged: Judged, metric: str) -> float:
    return float(statistic(judged, metric, Resamples.identity(judged))[0, 0])


def spelt_out(judged: Judged, resamples: Resamples, row: int) -> tuple[np.ndarray, np.ndarray]:
    """The resample as a plain list of scores and truths."""
    order = np.concatenate([np.flatnonzero(judged.is_member), np.flatnonzero(~judged.is_member)])
    counts = np.concatenate([resamples.members[row], resamples.non_members[row]])
    positions = np.repeat(order, counts)
    return judged.scores[0, positions], judged.is_member[positions]


@pytest.mark.parametrize(
    ("members", "non_members", "expected"),
    [
        ([3, 4], [1, 2], 1.0),
        ([1, 2], [3, 4], 0.0),  # the wrong way round is reported as such
        ([1, 1], [1, 1], 0.5),
        ([2, 1], [1, 0], 3.5 / 4),  # one tie among four pairs
        ([5], [5, 4, 6, 5], (0 + 1 + 0.5 + 0.5) / 4),
    ],
)
def test_auc_is_the_share_of_pairs_in_order_and_ties_count_half(
    members: list[float], non_members: list[float], expected: float
) -> None:
    assert value(judge(members, non_members), "auc") == pytest.approx(expected)


def test_auc_of_every_resample_is_the_auc_of_that_resample_spelt_out() -> None:
    generator = np.random.default_rng(1)
    judged = judge(generator.integers(1, 9, 30).tolist(), generator.integers(0, 8, 50).tolist())  # many ties
    resamples = Resamples.draw(judged, num=70)  # more than one block of rows
    fast = statistic(judged, "auc", resamples)[:, 0]
    slow = [roc_auc_score(*spelt_out(judged, resamples, row)[::-1]) for row in range(70)]
    np.testing.assert_allclose(fast, slow, atol=1e-12)


def test_tpr_of_every_resample_is_the_tpr_of_that_resample_spelt_out() -> None:
    generator = np.random.default_rng(2)
    judged = judge(generator.integers(1, 30, 40).tolist(), generator.integers(0, 28, 50).tolist())
    resamples = Resamples.draw(judged, num=70)
    fast = statistic(judged, "tpr@0.1", resamples)[:, 0]

    def slow(row: int) -> float:
        scores, truth = spelt_out(judged, resamples, row)
        sets = [scores >= threshold for threshold in [np.inf, *np.unique(scores)]]
        return max(float(chosen[truth].mean()) for chosen in sets if chosen[~truth].mean() <= 0.1 + 1e-12)

    np.testing.assert_allclose(fast, [slow(row) for row in range(70)], atol=1e-12)


def test_decision_rates_of_a_case_counted_by_hand() -> None:
    # 3 members of which 2 are called members; 4 non-members of which 1 is
    rates = [value(judge([1, 1, 0], [1, 0, 0, 0]), metric) for metric in ("accuracy", "precision", "recall", "f1")]
    assert rates == pytest.approx([5 / 7, 2 / 3, 2 / 3, 2 / 3])


def test_precision_without_a_positive_decision_is_undefined_and_f1_is_zero() -> None:
    judged = judge([0, 0], [0, 0])
    assert np.isnan(value(judged, "precision"))
    assert value(judged, "f1") == 0.0


def test_rates_count_every_example_as_often_as_it_was_drawn() -> None:
    judged = judge([1, 0], [1, 0])
    drawn = Resamples(np.array([[2, 0]], np.uint8), np.array([[0, 2]], np.uint8))
    rates = decision_rates(judged.decisions[0, :2], judged.decisions[0, 2:], drawn)
    assert {name: rate.tolist() for name, rate in rates.items()} == {
        "accuracy": [1.0],
        "precision": [1.0],
        "recall": [1.0],
        "f1": [1.0],
    }


def test_no_order_of_examples_changes_a_statistic() -> None:
    generator = np.random.default_rng(3)
    members, non_members = generator.normal(1, 1, 25), generator.normal(0, 1, 25)
    judged = judge(members.tolist(), non_members.tolist())
    turned = Judged(judged.scores[:, ::-1], judged.decisions[:, ::-1], judged.is_member[::-1], judged.labels)
    for metric in ("auc", "accuracy", "f1", "tpr@0.1"):
        assert value(judged, metric) == value(turned, metric)


def test_a_repeat_without_precision_is_left_out_of_the_mean() -> None:
    assert mean_over_repeats(np.array([[0.5, np.nan, 0.7], [np.nan] * 3]))[0] == pytest.approx(0.6)
    assert np.isnan(mean_over_repeats(np.array([[np.nan, np.nan]]))[0])


@pytest.mark.parametrize("metric", ["acuracy", "tpr", "tpr@", "tpr@1.5", "tpr@0", "tpr@nan", "fpr@0.1"])
def test_what_is_no_metric_is_refused_by_name(metric: str) -> None:
    with pytest.raises(InvalidInput, match=f"no metric '{metric}': wanted auc, accuracy"):
        target_fpr(metric)


def test_functions_take_members_and_non_members_of_different_numbers() -> None:
    members, non_members = np.array([2.0, 0.0, 3.0]), np.array([1.0])
    drawn = Resamples(np.ones((2, 3), np.uint8), np.ones((2, 1), np.uint8))
    np.testing.assert_allclose(auc(members, non_members, drawn), [2 / 3, 2 / 3])
    np.testing.assert_allclose(tpr(members, non_members, 0.5, drawn), [2 / 3, 2 / 3])
