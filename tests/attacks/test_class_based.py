from dataclasses import replace

import numpy as np
import pytest

from leakdrill.attacks.base import ARCHITECTURE, EMBEDDINGS
from leakdrill.attacks.class_based import ClassBased
from leakdrill.errors import InvalidInput, ScenarioError
from tests.attacks.worlds import world_of_people


def test_every_photo_of_a_person_gets_the_persons_score_and_half_of_the_people_are_said_to_be_in() -> None:
    here = world_of_people("memoriser", photos=3)
    verdict = ClassBased().run(here.view)
    labels = here.view.challenge.labels
    of_person = [np.unique(verdict.scores[labels == label]) for label in np.unique(labels)]
    assert all(len(scores) == 1 for scores in of_person)
    assert verdict.decisions.mean() == 0.5
    assert verdict.notes == {"identities": 200, "fewest_photos": 3, "most_photos": 3}


def test_the_names_of_the_classes_say_nothing() -> None:
    here = world_of_people("memoriser")
    names = np.random.default_rng(0).permutation(1000)[here.view.challenge.labels]
    renamed = replace(here.view, challenge=replace(here.view.challenge, labels=names))
    np.testing.assert_array_equal(ClassBased().run(renamed).scores, ClassBased().run(here.view).scores)


def test_the_untrained_control_asks_nobody_and_finds_nothing() -> None:
    here = world_of_people("memoriser")
    control = ClassBased(extractor="untrained")
    assert control.needs == {ARCHITECTURE}
    assert ClassBased().needs == {EMBEDDINGS}
    scores = control.run(here.view).scores
    assert here.num_asked == {"csmall/features": 0}
    assert abs(scores[here.is_member].mean() - scores[~here.is_member].mean()) < 0.2 * scores.std()


def test_the_untrained_control_must_know_the_architecture() -> None:
    here = world_of_people("null")
    with pytest.raises(ScenarioError, match=r"grant adversary\.knows\.architecture"):
        ClassBased(extractor="untrained").run(replace(here.view, architecture=None))


def test_people_with_a_single_photo_are_an_error_and_not_a_score() -> None:
    with pytest.raises(InvalidInput, match="200 of 200 classes have a single photo"):
        ClassBased().run(world_of_people("null", photos=1).view)
