import time

import numpy as np
import pytest
from scipy.stats import norm

from leakdrill.errors import InvalidInput
from leakdrill.metrics import Judged, interval, paired_difference, simultaneous_auc_intervals
from leakdrill.metrics.resampling import Resamples


def gaussians(generator: np.random.Generator, shift: float, num: int = 200, num_repeats: int = 1) -> Judged:
    """Members about `shift`, non-members about 0: the AUC is Phi(shift / sqrt 2), the accuracy Phi(shift / 2)."""
    truth = np.arange(num) < num // 2
    scores = generator.normal(size=(num_repeats, num)) + shift * truth
    return Judged(scores, scores > shift / 2, truth, np.zeros(num, np.int64))


def constant(num: int = 200) -> Judged:
    truth = np.arange(num) < num // 2
    return Judged(np.zeros((1, num)), np.ones((1, num), bool), truth, np.zeros(num, np.int64))


def perfect(num: int = 200) -> Judged:
    truth = np.arange(num) < num // 2
    return Judged(truth[None].astype(np.float64), truth[None], truth, np.zeros(num, np.int64))


@pytest.mark.parametrize(("metric", "true"), [("auc", norm.cdf(1 / np.sqrt(2))), ("accuracy", norm.cdf(0.5))])
def test_the_interval_covers_the_truth_about_95_times_in_100(metric: str, true: float) -> None:
    generator = np.random.default_rng(0)
    covered = 0
    for _ in range(300):
        judged = gaussians(generator, shift=1.0)
        found = interval(judged, metric, Resamples.draw(judged, num=300))
        assert found is not None
        covered += found.low <= true <= found.high
    assert 0.91 <= covered / 300 <= 0.98  # three standard errors are 0.04


def test_the_interval_of_four_times_the_examples_is_half_as_wide() -> None:
    generator = np.random.default_rng(1)
    small, large = (interval(gaussians(generator, 1.0, num), "auc") for num in (500, 2000))
    assert small is not None
    assert large is not None
    assert (large.high - large.low) / (small.high - small.low) == pytest.approx(0.5, abs=0.1)


def test_the_value_is_the_mean_over_repeats_and_repeats_narrow_the_interval_only_as_far_as_they_differ() -> None:
    generator = np.random.default_rng(2)
    many = gaussians(generator, 1.0, num_repeats=5)
    each = [Judged(many.scores[[r]], many.decisions[[r]], many.is_member, many.labels) for r in range(5)]
    mean = np.mean([found.value for one in each if (found := interval(one, "auc"))])
    found = interval(many, "auc")
    assert found is not None
    assert found.value == pytest.approx(mean)
    same = Judged(np.repeat(each[0].scores, 5, 0), np.repeat(each[0].decisions, 5, 0), many.is_member, many.labels)
    assert interval(same, "auc") == interval(each[0], "auc")


def test_a_perfect_attack_is_bounded_exactly_instead_of_having_no_width() -> None:
    for metric, num_trials in [("auc", 100), ("accuracy", 200), ("precision", 100), ("recall", 100), ("f1", 100)]:
        found = interval(perfect(), metric)
        assert found is not None
        assert (found.value, found.high) == (1.0, 1.0)
        assert found.low == pytest.approx(0.025 ** (1 / num_trials))


def test_a_coin_without_scores_has_an_auc_of_exactly_one_half() -> None:
    found = interval(constant(), "auc")
    assert found is not None
    assert (found.low, found.value, found.high) == (0.5, 0.5, 0.5)


def test_precision_is_none_where_nothing_was_called_a_member() -> None:
    judged = constant()
    assert interval(Judged(judged.scores, ~judged.decisions, judged.is_member, judged.labels), "precision") is None


def test_a_tpr_at_too_low_an_fpr_is_none_and_another_is_the_reports() -> None:
    judged = gaussians(np.random.default_rng(3), 1.0)
    assert interval(judged, "tpr@0.01") is None
    found = interval(judged, "tpr@0.1")
    assert found is not None
    assert found.low < found.value < found.high


def test_the_same_judgement_always_has_the_same_interval() -> None:
    judged = gaussians(np.random.default_rng(4), 1.0)
    assert interval(judged, "auc") == interval(judged, "auc")


@pytest.mark.parametrize("metric", ["auc", "accuracy", "precision", "recall", "f1", "tpr@0.1"])
def test_an_attack_does_not_differ_from_itself(metric: str) -> None:
    judged = gaussians(np.random.default_rng(5), 1.0)
    found = paired_difference(judged, judged, metric)
    assert found is not None
    assert (found.low, found.value, found.high) == (0, 0, 0)


def test_the_paired_interval_is_far_narrower_than_either_when_two_attacks_agree() -> None:
    generator = np.random.default_rng(6)
    a = gaussians(generator, 1.0)
    b = Judged(a.scores + 0.1 * generator.normal(size=a.scores.shape), a.decisions, a.is_member, a.labels)
    difference, alone = paired_difference(a, b, "auc"), interval(a, "auc")
    assert difference is not None
    assert alone is not None
    assert difference.high - difference.low < 0.3 * (alone.high - alone.low)


def test_the_paired_interval_covers_a_true_difference_about_95_times_in_100() -> None:
    generator, true, covered = np.random.default_rng(7), norm.cdf(1 / np.sqrt(2)) - norm.cdf(0.5 / np.sqrt(2)), 0
    for _ in range(200):
        noise, truth = generator.normal(size=(1, 200)), np.arange(200) < 100
        stronger, weaker = noise + truth, 0.8 * noise + 0.6 * generator.normal(size=(1, 200)) + 0.5 * truth
        a, b = (Judged(s, s > 0, truth, np.zeros(200, np.int64)) for s in (stronger, weaker))
        found = paired_difference(a, b, "auc", num=300)
        assert found is not None
        covered += found.low <= true <= found.high
    assert 0.90 <= covered / 200 <= 0.99


def test_attacks_on_different_challenges_cannot_be_paired() -> None:
    generator = np.random.default_rng(8)
    with pytest.raises(InvalidInput, match="different challenges"):
        paired_difference(gaussians(generator, 1.0, 200), gaussians(generator, 1.0, 300), "auc")


def test_simultaneous_intervals_of_ten_coins_all_cover_one_half_about_95_times_in_100() -> None:
    generator, alone, together = np.random.default_rng(9), 0, 0
    for _ in range(80):
        coins = {f"coin{i}": gaussians(generator, 0.0) for i in range(10)}
        found = simultaneous_auc_intervals(coins, num=200).values()
        together += all(one.low <= 0.5 <= one.high for one in found)
        single = [simultaneous_auc_intervals({name: coin}, num=200)[name] for name, coin in coins.items()]
        alone += all(one.low <= 0.5 <= one.high for one in single)
    assert together / 80 >= 0.88
    assert alone / 80 < 0.80  # 0.95 ** 10 is 0.60: taken one by one they would not


def test_equal_attacks_cost_no_width() -> None:
    judged = gaussians(np.random.default_rng(10), 0.5)
    one, three = simultaneous_auc_intervals({"a": judged}), simultaneous_auc_intervals(dict.fromkeys("abc", judged))
    assert three["a"] == pytest.approx(one["a"])


def test_simultaneous_intervals_of_attacks_that_never_move() -> None:
    found = simultaneous_auc_intervals({"constant": constant(), "perfect": perfect()})
    assert (found["constant"].low, found["constant"].high) == (0.5, 0.5)
    assert found["perfect"].high == 1.0
    assert found["perfect"].low == pytest.approx(0.0125 ** (1 / 100))  # each at 97.5 %, Bonferroni's
    assert simultaneous_auc_intervals({}) == {}


def test_a_thousand_resamples_of_4000_examples_take_less_than_two_seconds() -> None:
    judged = gaussians(np.random.default_rng(11), 0.5, num=4000)
    start = time.process_time()
    assert interval(judged, "auc")
    assert time.process_time() - start < 2.0
