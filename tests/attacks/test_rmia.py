"""RMIA's arithmetic by hand and beside the authors' numbers."""

import numpy as np
import pytest
from numpy.typing import NDArray

from leakdrill.attacks.rmia import Rmia, dominated, log_ratio
from leakdrill.attacks.tuning.in_and_out import Evidence
from leakdrill.contract.worlds import world
from leakdrill.models.fit import Fit

QUICK = Fit(epochs=1, batch_size=16)


def log_odds(p: list[float] | NDArray[np.float64]) -> NDArray[np.float64]:
    wide = np.asarray(p, dtype=np.float64)
    return np.asarray(np.log(wide / (1 - wide)))


def evidence(victim: list[float], shadows: list[list[float]], is_in: list[list[int]]) -> Evidence:
    """Probabilities of the true label: (N,) of the victim, (S, N) of the shadows."""
    return Evidence(
        log_odds(victim)[:, np.newaxis], log_odds(shadows)[..., np.newaxis], np.array(is_in, dtype=np.bool_)
    )


def shares(scores: NDArray[np.float64], num_population: int) -> list[float]:
    """The scores without what breaks ties."""
    return (np.floor(scores * (num_population + 1)) / num_population).tolist()


def test_the_ratios_of_a_case_by_hand() -> None:
    """Pr(x) is the mean, 0.4, so the victim's 0.84 is 2.1 of it; offline with a = 1/2: (1.5 * 0.2 + 0.5) / 2 = 0.4."""
    of_x = evidence([0.84], [[0.6], [0.2]], [[1], [0]])
    assert log_ratio(of_x, a=None) == pytest.approx([np.log(2.1)])
    assert log_ratio(of_x, a=0.5) == pytest.approx([np.log(2.1)])
    assert log_ratio(of_x, a=1) == pytest.approx([np.log(4.2)])


def test_the_score_is_the_share_of_the_population_that_is_beaten_by_gamma() -> None:
    of_x, of_population = np.log([2.1, 0.5, 7.0]), np.log([1.0, 0.5, 3.0, 4.0])
    assert shares(dominated(of_x, of_population, gamma=1), 4) == [0.5, 0, 1]
    assert shares(dominated(of_x, of_population, gamma=2), 4) == [0.5, 0, 0.75]


def test_examples_that_beat_as_many_are_in_the_order_of_their_own_ratios() -> None:
    of_x = np.array([30.0, 20.0, 10.0, 0.1, 0.0, -1.0, -5.0])
    scores = dominated(of_x, np.zeros(3), gamma=2)
    assert (np.diff(scores) < 0).all()
    assert scores.max() < 1
    assert scores.min() > 0
    assert shares(scores, 3) == [1, 1, 1, 0, 0, 0, 0]


@pytest.mark.parametrize(
    ("a", "expected"), [(0.0, [1.0, 0.4, 0.2, 1.0]), (0.3, [1.0, 0.4, 0.2, 1.0]), (1.0, [1.0, 0.4, 0.0, 0.8])]
)
def test_offline_scores_are_those_of_the_authors_code(a: float, expected: list[float]) -> None:
    """Found by running run_rmia of the authors' privacy meter on these numbers, drawn at random (gamma is 1 there).

    All shadows say the same of the population here: theirs averages the upper half of what they say of it.
    """
    shadows = [[0.37, 0.22, 0.46, 0.74, 0.28, 0.14], [0.42, 0.26, 0.17, 0.56, 0.34, 0.64]]
    shadows += [[0.26, 0.85, 0.39, 0.18, 0.6, 0.84], [0.45, 0.86, 0.5, 0.44, 0.6, 0.9]]
    is_in = [[1, 0, 1, 0, 0, 1], [0, 1, 1, 0, 1, 0], [1, 0, 0, 1, 1, 0], [1, 0, 0, 1, 1, 0]]
    of_x = evidence([0.9, 0.5, 0.3, 0.99], np.transpose(shadows).tolist(), np.transpose(is_in).tolist())
    of_population = evidence([0.2, 0.4, 0.6, 0.8, 0.95], [[0.3, 0.5, 0.4, 0.7, 0.9]] * 6, [[0] * 5] * 6)
    assert shares(dominated(log_ratio(of_x, a), log_ratio(of_population, a), gamma=1), 5) == expected


def test_the_surest_still_differ() -> None:
    of_x = Evidence(np.array([[40.0], [45.0]]), np.zeros((2, 2, 1)), np.zeros((2, 2), dtype=np.bool_))
    low, high = log_ratio(of_x, a=None)
    assert low < high or low == pytest.approx(high, abs=1e-15)
    assert np.isfinite(log_ratio(Evidence(-of_x.observed * 10, of_x.shadows - 400, of_x.is_in), a=None)).all()


def test_it_asks_about_no_more_of_its_own_examples_than_it_may() -> None:
    for population, asked in ((7, 7), (1000, 60)):
        here = world("memoriser", per_class=5)
        attack = Rmia(population=population, num_shadows=4, fit=QUICK)
        verdict = attack.run(here.view)
        assert here.num_asked["cbig/source"] == 40 + asked <= attack.most_queries(40)
        assert verdict.notes["population"] == asked


def test_a_is_tuned_on_shadows_unless_it_is_given() -> None:
    view = world("memoriser", per_class=5).view
    tuned = Rmia(mode="offline", num_shadows=4, fit=QUICK).run(view).notes
    assert tuned["shadow_auc_by_a"][str(tuned["a"])] == max(tuned["shadow_auc_by_a"].values())
    assert Rmia(mode="offline", a=0.3, num_shadows=4, fit=QUICK).run(view).notes["a"] == 0.3
