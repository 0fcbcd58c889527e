"""Log-odds of the true label: stable, equal to the authors' numbers, and honest about ties."""

import numpy as np
import pytest

from leakdrill.attacks.confidences.base import Answers
from leakdrill.attacks.confidences.true_label import check_not_constant, num_tied, true_log_odds
from leakdrill.attacks.lira import Lira
from leakdrill.attacks.quantile_regression import QuantileRegression
from leakdrill.attacks.rmia import Rmia
from leakdrill.attacks.tuning.in_and_out import ShadowHalves
from leakdrill.contract.worlds import ARCH, NUM_CLASSES, world
from leakdrill.errors import ScenarioError
from leakdrill.models.fit import Fit
from leakdrill.models.training import softmax

LOGITS = np.array([[9.0, -2.0, 1.5], [40.0, 1.0, -3.0], [-1.0, 2.0, 2.5]], np.float32)
LABELS = np.array([0, 0, 2])


@pytest.mark.parametrize("output", ["logits", "scores"])
def test_log_odds_are_those_of_the_authors_code(output: str) -> None:
    """Found by running the stable scaling of the authors' score.py on these logits."""
    given = LOGITS if output == "logits" else softmax(LOGITS)
    expected = [7.47024958172738, 38.98185007208219, 0.45141264842625783]
    rounding = 1e-12 if output == "logits" else 1e-5
    np.testing.assert_allclose(true_log_odds(Answers(given, output), LABELS), expected, rtol=rounding)  # type: ignore[arg-type]


def test_float32_confidences_of_exactly_1_are_still_told_apart() -> None:
    scores = softmax(np.array([[20.0, 0.0], [30.0, 0.0], [40.0, 0.0]], np.float32))
    assert (scores[:, 0] == 1).all()
    log_odds = true_log_odds(Answers(scores, "scores"), np.zeros(3, np.int64))
    np.testing.assert_allclose(log_odds, [20, 30, 40], rtol=1e-5)


def test_scores_of_exactly_0_have_finite_log_odds() -> None:
    scores = np.array([[1, 0], [0, 1]], np.float32)
    sure, wrong = true_log_odds(Answers(scores, "scores"), np.zeros(2, np.int64))
    assert 100 < sure < 110
    assert wrong == pytest.approx(-sure)


def test_ties_are_counted() -> None:
    assert num_tied(np.array([1.0, 2.0, 1.0, 3.0, 3.0, 3.0])) == 5
    assert num_tied(np.array([1.0, 2.0])) == 0


def test_a_constant_is_an_error_and_a_single_example_is_none() -> None:
    check_not_constant(np.array([1.0]), "cbig/source")
    with pytest.raises(ScenarioError, match="cbig/source is as sure of the true label of each of 2 examples"):
        check_not_constant(np.array([1.0, 1.0]), "cbig/source")


QUICK = Fit(epochs=1, batch_size=16)


@pytest.mark.parametrize(
    "attack",
    [
        Lira(num_shadows=4, fit=QUICK),
        Lira(mode="offline", num_shadows=4, fit=QUICK),
        QuantileRegression(epochs=1, arch=ARCH),
    ],
    ids=["lira", "lira_offline", "quantile_regression"],
)
def test_the_notes_say_how_many_answers_are_saturated(attack: ShadowHalves | QuantileRegression) -> None:
    """A model that rounds: sure of one class, whatever the example."""

    def answer(images: np.ndarray) -> np.ndarray:
        return np.eye(NUM_CLASSES, dtype=np.float32)[np.zeros(len(images), np.int64)]

    here = world("memoriser", per_class=5).view
    here.oracles["cbig/source"]._answer = answer  # type: ignore[attr-defined]
    notes = attack.run(here).notes
    assert notes["confidences_of_exactly_1"] == 40


def test_rmia_needs_what_lira_needs() -> None:
    assert Rmia().needs == Lira().needs == {"shadow_examples", "architecture", "cbig/source:scores"}
    assert Rmia(arch=ARCH).needs == Lira(arch=ARCH).needs == {"shadow_examples", "cbig/source:scores"}
