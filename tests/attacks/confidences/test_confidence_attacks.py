"""confidence_vector and confidence_threshold."""

from dataclasses import replace

import numpy as np
import pytest

from leakdrill.archs import build
from leakdrill.attacks import ConfidenceThreshold, ConfidenceVector
from leakdrill.attacks.confidences.base import Confidence
from leakdrill.contract.worlds import ARCH, NUM_CLASSES, LocalOracle, World, world
from leakdrill.data.examples import Examples
from leakdrill.errors import InvalidInput, NotFound, ScenarioError
from leakdrill.models.fit import Fit
from leakdrill.models.training import predict

QUICK = Fit(epochs=8, batch_size=16, learning_rate=0.05)
FAMILY = [ConfidenceVector(fit=QUICK), ConfidenceThreshold(fit=QUICK)]
every_attack = pytest.mark.parametrize("attack", FAMILY, ids=lambda attack: attack.kind)


def answering(answer: np.ndarray, output: str = "scores") -> World:
    """A world whose source gives this answer to everything."""
    here = world("memoriser", per_class=5)
    oracle = LocalOracle(
        "cbig/source", NUM_CLASSES, lambda inputs: np.tile(answer, (len(inputs), 1)), outputs=frozenset({output})
    )
    return World(replace(here.view, oracles={"cbig/source": oracle}), here.is_member)


@every_attack
def test_it_needs_one_output_and_a_shadow_model(attack: Confidence) -> None:
    assert attack.needs == {"cbig/source:scores", "shadow_examples", "architecture"}
    by_logits = attack.model_copy(update={"output": "logits", "arch": ARCH})
    assert by_logits.needs == {"cbig/source:logits", "shadow_examples"}
    with pytest.raises(NotFound, match="does not return logits"):
        by_logits.run(world("memoriser", per_class=5).view)


@every_attack
def test_logits_are_asked_for_in_the_place_of_scores(attack: Confidence) -> None:
    here = world("memoriser", per_class=5)
    model = build(ARCH, NUM_CLASSES, seed=9)
    oracle = LocalOracle(
        "cbig/source", NUM_CLASSES, lambda images: predict(model, images), outputs=frozenset({"logits"})
    )
    view = replace(here.view, oracles={"cbig/source": oracle})
    verdict = attack.model_copy(update={"output": "logits"}).run(view)
    assert np.isfinite(verdict.scores).all()
    assert verdict.notes["confidences_of_exactly_1"] == 0


@every_attack
def test_confidences_that_are_tied_are_counted(attack: Confidence) -> None:
    verdict = attack.run(answering(np.array([1, 0, 0, 0], np.float32)).view)
    assert verdict.notes["confidences_of_exactly_1"] == 40
    assert verdict.notes["tied_at_the_top"] >= 10


@every_attack
@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (np.full(4, np.nan, np.float32), "scores that are none, such as nan, to 40 of 40 examples"),
        (np.array([2, 0, 0, 0], np.float32), r"scores that are none, such as 2\.0"),
        (np.full(5, 0.2, np.float32), r"scores \(40, 5\), wanted \(N, 4\)"),
    ],
)
def test_answers_that_are_no_confidences_of_the_task_are_an_error(
    attack: Confidence, answer: np.ndarray, message: str
) -> None:
    with pytest.raises(InvalidInput, match=message):
        attack.run(answering(answer).view)


@every_attack
def test_what_is_wrong_with_the_examples_is_said_before_anything_is_asked(attack: Confidence) -> None:
    here = world("memoriser", per_class=5)
    beyond = Examples(here.view.challenge.inputs, here.view.challenge.labels + 1)
    with pytest.raises(InvalidInput, match="challenge has labels from 1 to 4, wanted 0 to 3"):
        attack.run(replace(here.view, challenge=beyond))
    with pytest.raises(ScenarioError, match="no shadow examples"):
        attack.run(replace(here.view, shadow_train=None))
    assert here.num_asked["cbig/source"] == 0


@pytest.mark.parametrize("statistic", ["max_confidence", "loss", "entropy", "modified_entropy", "log_odds"])
def test_every_statistic_finds_out_a_memoriser(statistic: str) -> None:
    here = world("memoriser", per_class=20)
    verdict = ConfidenceThreshold(statistic=statistic, fit=QUICK).run(here.view)
    assert verdict.scores[here.is_member].mean() > verdict.scores[~here.is_member].mean()
    assert verdict.notes["different_scores"] > 100


def test_one_network_for_all_classes_is_another_than_one_for_each() -> None:
    view = world("memoriser", per_class=10).view
    each, one = (
        ConfidenceVector(fit=QUICK, inputs="leading", networks=networks).run(view) for networks in ("per_class", "one")
    )
    assert not np.array_equal(each.scores, one.scores)
