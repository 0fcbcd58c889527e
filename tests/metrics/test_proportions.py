import numpy as np
import pytest
from scipy.stats import binomtest

from leakdrill.errors import InvalidInput
from leakdrill.metrics import clopper_pearson, proportion


def test_five_of_ten_has_the_interval_of_the_textbook() -> None:
    assert clopper_pearson(5, 10) == pytest.approx((0.1871, 0.8129), abs=1e-4)


def test_nothing_in_n_trials_is_bounded_by_the_rule_of_three() -> None:
    assert clopper_pearson(0, 1000) == pytest.approx((0.0, 3.69e-3), abs=1e-5)
    assert clopper_pearson(1000, 1000) == pytest.approx((1 - 3.69e-3, 1.0), abs=1e-5)


@pytest.mark.parametrize(("num_successes", "num_trials"), [(0, 1), (1, 1), (3, 7), (98, 100), (1, 5000)])
def test_agrees_with_scipys_exact_test(num_successes: int, num_trials: int) -> None:
    exact = binomtest(num_successes, num_trials).proportion_ci(0.9, method="exact")
    assert clopper_pearson(num_successes, num_trials, 0.9) == pytest.approx((exact.low, exact.high))


def test_covers_the_true_rate_at_least_as_often_as_it_says() -> None:
    successes = np.random.default_rng(0).binomial(40, 0.1, 2000)
    intervals = [clopper_pearson(int(k), 40) for k in successes]
    assert np.mean([low <= 0.1 <= high for low, high in intervals]) >= 0.95


def test_a_proportion_carries_its_counts() -> None:
    found = proportion(3, 4)
    assert (found.value, found.num_correct, found.num_examples) == (0.75, 3, 4)
    assert (found.low, found.high) == clopper_pearson(3, 4)


@pytest.mark.parametrize(("num_successes", "num_trials"), [(0, 0), (2, 1), (-1, 3)])
def test_a_count_that_is_no_share_is_refused(num_successes: int, num_trials: int) -> None:
    with pytest.raises(InvalidInput, match="successes in"):
        clopper_pearson(num_successes, num_trials)
