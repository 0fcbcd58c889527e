"""leakdrill/metrics/intervals.py: how often the interval of a TPR at a low FPR covers it, by simulation."""

from typing import NamedTuple

import numpy as np
import pytest
from scipy.stats import norm

from leakdrill.metrics import Judged, interval, simultaneous_intervals, tpr_at_fpr
from leakdrill.metrics.resampling import Resamples

NUM = 1000  # members, and as many non-members
NUM_CHALLENGES = 100
FPR, TPR = 0.01, 0.05


class Counted(NamedTuple):
    covered: float
    below: float  # of the intervals that lie wholly below the truth: a model at the bound would pass


def challenge(generator: np.random.Generator, num: int = NUM, tpr: float = TPR) -> Judged:
    """Members of whom `tpr` score above the threshold that a share of FPR of non-members do."""
    truth = np.arange(2 * num) < num
    scores = generator.normal(size=(1, 2 * num)) + truth * (norm.isf(FPR) - norm.isf(tpr))
    return Judged(scores, scores > 0, truth, np.zeros(2 * num, np.int64))


def counted(intervals: list[tuple[float, float]]) -> Counted:
    low, high = np.array(intervals).T
    return Counted(float(((low <= TPR) & (high >= TPR)).mean()), float((high < TPR).mean()))


@pytest.fixture(scope="module")
def simulated() -> tuple[Counted, Counted]:
    """Of the interval, and of the one that takes the threshold as given."""
    generator = np.random.default_rng(0)
    resamples = Resamples.draw(challenge(generator))  # they depend on the sizes alone
    found, given = [], []
    for _ in range(NUM_CHALLENGES):
        judged = challenge(generator)
        of_rate, of_threshold = interval(judged, f"tpr@{FPR}", resamples), tpr_at_fpr(judged, (FPR,))[0]
        assert of_rate is not None
        assert of_rate.value == of_threshold.value
        found.append((of_rate.low, of_rate.high))
        given.append((of_threshold.low, of_threshold.high))
    return counted(found), counted(given)


def test_the_interval_of_a_tpr_covers_it_about_as_often_as_it_says(simulated: tuple[Counted, Counted]) -> None:
    of_rate, _ = simulated
    assert of_rate.covered >= 0.92
    assert of_rate.below <= 0.05


def test_one_that_takes_the_threshold_as_given_does_not(simulated: tuple[Counted, Counted]) -> None:
    _, of_threshold = simulated
    assert of_threshold.covered < 0.80
    assert of_threshold.below > 0.05


def test_the_value_is_the_mean_over_repeats() -> None:
    generator = np.random.default_rng(1)
    first, second = challenge(generator), challenge(generator)
    both = Judged(np.vstack([first.scores, second.scores]), np.vstack([first.decisions] * 2), *_truth(first))
    found = [interval(each, "tpr@0.01") for each in (first, second, both)]
    values = [each.value for each in found if each is not None]
    assert values[2] == pytest.approx((values[0] + values[1]) / 2)
    assert values[0] != values[1]


def test_a_tpr_of_one_or_of_none_is_bounded_exactly() -> None:
    truth = np.arange(2 * NUM) < NUM
    for sign, bounds in ((1.0, (0.025 ** (1 / NUM), 1.0)), (-1.0, (0.0, 1 - 0.025 ** (1 / NUM)))):
        scores = sign * truth[None].astype(np.float64)
        found = interval(Judged(scores, scores > 0, truth, np.zeros(2 * NUM, np.int64)), "tpr@0.01")
        assert found is not None
        assert (found.low, found.high) == pytest.approx(bounds)


def test_for_several_attacks_at_once_it_is_wider_and_of_the_same_value() -> None:
    judged = challenge(np.random.default_rng(2))
    alone = interval(judged, "tpr@0.01")
    at_once = simultaneous_intervals({"a": judged, "b": judged, "c": judged}, "tpr@0.01")["a"]
    assert alone is not None
    assert at_once is not None
    assert at_once.value == alone.value
    assert at_once.low < alone.low < alone.high < at_once.high


def _truth(judged: Judged) -> tuple[np.ndarray, np.ndarray]:
    return judged.is_member, judged.labels
