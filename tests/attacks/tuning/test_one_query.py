"""YOQO and OSLO: what they have in common."""

from dataclasses import replace

import numpy as np
import pytest

from leakdrill.attacks import Oslo, Yoqo
from leakdrill.attacks.tuning.one_query import Known, OneQuery, Rehearsal, balanced_accuracy, score_order
from leakdrill.contract.worlds import LocalOracle, world
from leakdrill.data.examples import Examples
from leakdrill.errors import InvalidInput, ScenarioError
from leakdrill.models.fit import Fit
from tests.labelonly.linear_models import IMAGE, linear, models

QUICK = Fit(epochs=1, batch_size=16)
FAMILY = [
    Yoqo(num_shadows=4, max_steps=1, tuning_examples=4, fit=QUICK),
    Oslo(num_shadows=6, max_perturbation=1, iterations=1, tuning_examples=4, fit=QUICK),
]
every_attack = pytest.mark.parametrize("attack", FAMILY, ids=lambda attack: attack.kind)


@every_attack
def test_one_query_an_example_is_all_it_asks_and_labels_are_all_it_needs(attack: OneQuery) -> None:
    assert attack.needs == {"cbig/source:label", "shadow_examples", "architecture"}
    here = world("memoriser", per_class=5)
    here.view.oracles["cbig/source"].outputs = frozenset({"label"})
    verdict = attack.run(here.view)
    assert here.num_asked["cbig/source"] == attack.most_queries(40) == 40
    assert verdict.notes["shadow_size"] == (50 if attack.mode == "online" else 30)  # of 60 own examples and 40


def test_each_threshold_costs_a_query() -> None:
    here = world("memoriser", per_class=5)
    attack = FAMILY[1].model_copy(update={"thresholds": (0.5, 0.4, 0.3)})
    verdict = attack.run(here.view)
    assert here.num_asked["cbig/source"] == attack.most_queries(40) == 120
    assert verdict.notes["thresholds"] == [0.5, 0.4, 0.3]


@every_attack
def test_vectors_are_refused_before_any_training(attack: OneQuery) -> None:
    here = world("memoriser", per_class=5).view
    rows = Examples(np.zeros((40, 6), np.float32), here.challenge.labels)
    with pytest.raises(ScenarioError, match="moves the pixels of images"):
        attack.run(replace(here, challenge=rows))


@every_attack
def test_answers_that_are_no_labels_of_the_task_are_an_error(attack: OneQuery) -> None:
    class Confused(LocalOracle):
        def query(self, inputs, output="scores"):  # type: ignore[no-untyped-def]
            return np.full(len(inputs), 4, np.float32)

    oracle = Confused("cbig/source", 4, lambda inputs: np.empty(0))
    with pytest.raises(InvalidInput, match="wanted a label from 0 to 3"):
        attack.run(replace(world("memoriser", per_class=5).view, oracles={"cbig/source": oracle}))


def test_the_stranger_an_example_is_to_models_that_did_not_see_it_the_higher_its_score() -> None:
    sure, unsure = linear([[9.0] * 6, [0.0] * 6], [0, 0]), linear(np.zeros((2, 6)), [0, 0])
    examples = Examples(np.repeat(np.full((1, 1, 2, 3), 150, np.uint8), 2, axis=0), np.array([0, 0]))
    is_in = np.array([[True, False], [False, True]])  # the first example is new to the unsure model
    strangeness = Known([sure, unsure], is_in, examples, lambda share: None).strangeness()
    assert strangeness[0] == pytest.approx(np.log(2) / (1 + np.log(2)))
    assert 0 <= strangeness[1] < 1e-3
    scores = score_order(np.array([[True, True]]), strangeness)
    assert scores[0] > scores[1] >= 1


def test_a_rehearsal_is_without_the_victim_and_its_twin() -> None:
    examples = Examples(IMAGE[np.newaxis], np.array([0]))
    is_in = np.array([[True], [False], [False], [True], [True], [False], [False], [True]])
    rehearsal = Rehearsal(Known(models(), is_in, examples, lambda share: None))
    assert len(rehearsal.known.models) == 6
    np.testing.assert_array_equal(rehearsal.known.is_in, is_in[2:])
    assert rehearsal.is_member.tolist() == [True]


def test_one_of_each_pair_is_none_of_the_pair_that_is_rehearsed_on() -> None:
    examples = Examples(IMAGE[np.newaxis], np.array([0]))
    everything = Known(models(), np.arange(8)[:, np.newaxis] % 3 == 0, examples, lambda share: None)
    helpers = everything.one_of_each_pair()
    assert [everything.models.index(model) for model in helpers.models] == [2, 4, 6]
    np.testing.assert_array_equal(helpers.is_in, everything.is_in[[2, 4, 6]])


def test_members_weigh_as_much_as_others_in_a_balanced_accuracy() -> None:
    assert balanced_accuracy(np.array([True, False, True]), np.array([True, False, False])) == 0.75
    assert balanced_accuracy(np.array([True, False]), np.array([True, True])) == 0.5
