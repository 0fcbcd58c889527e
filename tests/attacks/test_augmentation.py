"""What rotation, translation and random_augmentation refuse, and what they report."""

from dataclasses import replace

import numpy as np
import pytest

from leakdrill.attacks import RandomAugmentation, Rotation, Translation
from leakdrill.attacks.augmentation import Augmentation
from leakdrill.contract.worlds import world
from leakdrill.data.examples import Examples
from leakdrill.errors import InvalidInput, ScenarioError
from leakdrill.models.fit import Fit

QUICK = Fit(epochs=1, batch_size=16)
FAMILY = [
    Rotation(degrees=3, fit=QUICK),
    Translation(pixels=1, fit=QUICK),
    RandomAugmentation(queries_per_example=3, tuning_examples=4, fit=QUICK),
]
every_attack = pytest.mark.parametrize("attack", FAMILY, ids=lambda attack: attack.kind)


@every_attack
def test_vectors_and_labels_of_no_class_are_refused_before_anything_is_asked(attack: Augmentation) -> None:
    here = world("memoriser", per_class=5)
    challenge = here.view.challenge
    vectors = Examples(challenge.inputs.reshape(len(challenge), -1), challenge.labels)
    with pytest.raises(ScenarioError, match=r"moves the pixels of images .* got vectors \(40, 192\)"):
        attack.run(replace(here.view, challenge=vectors))
    beyond = Examples(challenge.inputs, challenge.labels + (challenge.labels == 3))
    with pytest.raises(InvalidInput, match="challenge has labels from 0 to 4, wanted 0 to 3"):
        attack.run(replace(here.view, challenge=beyond))
    assert here.num_asked["cbig/source"] == 0


def test_every_angle_of_the_paper_is_tried() -> None:
    assert list(Rotation().magnitudes) == list(range(1, 16))


def test_a_shift_that_is_chosen_is_judged_at_the_queries_that_it_asked() -> None:
    here, attack = world("memoriser", per_class=5), Translation(attack_model="threshold", fit=QUICK)
    assert attack.budgets == (5, 9, 13, 17, 21)
    verdict = attack.run(here.view)
    assert list(verdict.by_queries) == [verdict.notes["queries_per_example"]]
    assert here.num_asked["cbig/source"] == 40 * verdict.notes["queries_per_example"] < 40 * 21
    assert Rotation().budgets == (3,)


@pytest.mark.parametrize("networks", ["per_class", "one"])
def test_examples_that_are_right_in_the_same_places_are_tied(networks: str) -> None:
    attack = Rotation(degrees=3, networks=networks, fit=QUICK)
    verdict = attack.run(world("memoriser", per_class=10).view)
    patterns = 2**3 * (4 if networks == "per_class" else 1)
    assert verdict.notes["different_scores"] == len(np.unique(verdict.scores)) <= patterns
