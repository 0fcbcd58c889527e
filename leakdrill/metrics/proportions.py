"""Exact intervals for counted rates."""

from scipy.special import betaincinv

from leakdrill.errors import InvalidInput
from leakdrill.results import Proportion


def clopper_pearson(num_successes: int, num_trials: int, level: float = 0.95) -> tuple[float, float]:
    """The exact binomial interval, equal-tailed (Clopper and Pearson, 1934). Raises InvalidInput without trials."""
    if num_trials < 1 or not 0 <= num_successes <= num_trials:
        raise InvalidInput(f"{num_successes} successes in {num_trials} trials: wanted a count out of at least one")
    num_failures, tail = num_trials - num_successes, (1 - level) / 2
    low = float(betaincinv(num_successes, num_failures + 1, tail)) if num_successes else 0.0
    high = float(betaincinv(num_successes + 1, num_failures, 1 - tail)) if num_failures else 1.0
    return low, high


def proportion(num_correct: int, num_examples: int, level: float = 0.95) -> Proportion:
    """A rate with its counts and its exact interval."""
    low, high = clopper_pearson(num_correct, num_examples, level)
    return Proportion(
        value=num_correct / num_examples, low=low, high=high, num_correct=num_correct, num_examples=num_examples
    )
