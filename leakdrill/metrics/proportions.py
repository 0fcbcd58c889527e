"""Exact intervals for counted rates."""

from scipy.special import betaincinv

from leakdrill.errors import InvalidInput
from leakdrill.results import Proportion


def clopper_pearson(
    num_successes: int, num_trials: int, level: float = 0.95, design_effect: float = 1.0
) -> tuple[float, float]:
    """The exact binomial interval, equal-tailed (Clopper and Pearson, 1934). Raises InvalidInput without trials.

    design_effect: of trials that are not independent, so many count as one (Korn and Graubard, Survey Methodology 24,
    1998, without their correction for an estimated effect); the interval is no longer exact then.
    """
    if num_trials < 1 or not 0 <= num_successes <= num_trials:
        raise InvalidInput(f"{num_successes} successes in {num_trials} trials: wanted a count out of at least one")
    successes, failures = num_successes / design_effect, (num_trials - num_successes) / design_effect
    tail = (1 - level) / 2
    low = float(betaincinv(successes, failures + 1, tail)) if successes else 0.0
    high = float(betaincinv(successes + 1, failures, 1 - tail)) if failures else 1.0
    return low, high


def proportion(num_correct: int, num_examples: int, level: float = 0.95) -> Proportion:
    """A rate with its counts and its exact interval."""
    low, high = clopper_pearson(num_correct, num_examples, level)
    return Proportion(
        value=num_correct / num_examples, low=low, high=high, num_correct=num_correct, num_examples=num_examples
    )
