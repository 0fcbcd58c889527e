"""What boundary, noise_robustness, rotation and translation have in common."""

from dataclasses import replace

import numpy as np
import pytest
from pydantic import ValidationError

from leakdrill.attacks import Boundary, NoiseRobustness, Rotation, Translation
from leakdrill.attacks.base import View
from leakdrill.attacks.tuning.shadow_tuned import LabelOnly
from leakdrill.contract.worlds import ARCH, LocalOracle, world
from leakdrill.errors import InvalidInput, ScenarioError
from leakdrill.models.fit import Fit

QUICK = Fit(epochs=1, batch_size=16)
FAMILY = [
    Boundary(queries_per_example=5, tuning_examples=4, fit=QUICK),
    NoiseRobustness(queries_per_example=3, tuning_examples=4, fit=QUICK),
    Rotation(degrees=3, fit=QUICK),
    Translation(pixels=1, fit=QUICK),
]
every_attack = pytest.mark.parametrize("attack", FAMILY, ids=lambda attack: attack.kind)


def view(**changes: object) -> View:
    return replace(world("memoriser", per_class=5).view, **changes)


@every_attack
def test_it_needs_labels_and_a_shadow_model_and_no_scores(attack: LabelOnly) -> None:
    assert attack.needs == {"cbig/source:label", "shadow_examples", "architecture"}
    assert attack.model_copy(update={"arch": ARCH}).needs == {"cbig/source:label", "shadow_examples"}
    here = view()
    here.oracles["cbig/source"].outputs = frozenset({"label"})
    assert np.isfinite(attack.run(here).scores).all()


@every_attack
def test_what_the_shadow_model_lacks_is_said_before_anything_is_asked(attack: LabelOnly) -> None:
    here = world("memoriser", per_class=5)
    with pytest.raises(ScenarioError, match=r"grant adversary\.knows\.architecture, or set the attack's arch"):
        attack.run(replace(here.view, architecture=None))
    with pytest.raises(ScenarioError, match="shadow_size 61 exceeds the 60 shadow_train examples"):
        attack.model_copy(update={"shadow_size": 61}).run(here.view)
    with pytest.raises(ScenarioError, match="no shadow examples"):
        attack.run(replace(here.view, shadow_train=None))
    assert here.num_asked["cbig/source"] == 0


@every_attack
def test_an_assumed_architecture_stands_in_for_one_that_is_not_known(attack: LabelOnly) -> None:
    assumed = attack.model_copy(update={"arch": ARCH}).run(view(architecture=None))
    np.testing.assert_array_equal(assumed.scores, attack.run(view()).scores)


@every_attack
@pytest.mark.parametrize("shift", [4, 0.5, -1, np.nan, np.inf])
def test_answers_that_are_no_labels_of_the_task_are_an_error(attack: LabelOnly, shift: float) -> None:
    class Shifted(LocalOracle):
        def query(self, inputs, output="scores"):  # type: ignore[no-untyped-def]
            return np.float32(0 * len(inputs)) + np.full(len(inputs), shift, np.float32)

    oracle = Shifted("cbig/source", 4, lambda inputs: np.empty(0))
    with pytest.raises(InvalidInput, match="wanted a label from 0 to 3"):
        attack.run(view(oracles={"cbig/source": oracle}))


@every_attack
def test_the_estimate_counts_one_shadow_model(attack: LabelOnly) -> None:
    assert attack.training_passes(500) == 500
    assert attack.model_copy(update={"shadow_size": 30}).training_passes(500) == 30


@pytest.mark.parametrize(
    ("attack", "most"),
    [
        (Boundary(), 2500),
        (NoiseRobustness(), 100),
        (Rotation(), 3),
        (Translation(), 21),
        (Translation(pixels=2), 9),
    ],
)
def test_what_it_may_cost_is_announced(attack: LabelOnly, most: int) -> None:
    assert attack.most_queries(7) == 7 * most


@pytest.mark.parametrize(("attack", "least"), [(Boundary, 3), (NoiseRobustness, 2)])
def test_a_budget_too_small_for_the_first_step_is_refused_with_the_attack(attack: type[LabelOnly], least: int) -> None:
    assert attack(queries_per_example=least).budgets[-1] == least  # type: ignore[call-arg]
    with pytest.raises(ValidationError, match=f"greater than or equal to {least}"):
        attack(queries_per_example=least - 1)  # type: ignore[call-arg]


@every_attack
def test_a_source_that_gives_one_label_to_everything_tells_nothing_but_who_has_that_label(attack: LabelOnly) -> None:
    constant = np.eye(4, dtype=np.float32)[[2]]
    oracle = LocalOracle("cbig/source", 4, lambda inputs: constant.repeat(len(inputs), axis=0))
    here = view(oracles={"cbig/source": oracle})
    scores = attack.run(here).scores
    assert np.isfinite(scores).all()
    for label in range(4):
        assert len(np.unique(scores[here.challenge.labels == label])) == 1
