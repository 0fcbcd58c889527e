from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from leakdrill.attacks.attribute_inference import AttributeInference
from leakdrill.attacks.base import DISTANCES, LABELLED_ATTRIBUTES, Folding
from leakdrill.attacks.people.face_api import FaceApi
from leakdrill.contract.people import world_of_attributes
from leakdrill.data.examples import Examples
from leakdrill.errors import ScenarioError


def auc(attack: AttributeInference) -> float:
    here = world_of_attributes("memoriser")
    return float(roc_auc_score(here.is_member, attack.run(here.view).scores))


@pytest.mark.parametrize("api", ["features", "recognition", "verification"])
def test_every_api_gives_the_attribute_away(api: FaceApi) -> None:
    assert auc(AttributeInference(api=api)) > 0.75


@pytest.mark.parametrize("api", ["features", "recognition", "verification"])
def test_the_untrained_control_asks_nobody_and_finds_nothing_in_noise(api: FaceApi) -> None:
    here = world_of_attributes("memoriser")
    verdict = AttributeInference(api=api, extractor="untrained").run(here.view)
    assert not any(here.num_asked.values())
    assert abs(roc_auc_score(here.is_member, verdict.scores) - 0.5) < 0.1


def test_without_an_api_noise_says_nothing_and_nobody_is_asked() -> None:
    here = world_of_attributes("memoriser")
    attack = AttributeInference(without_api="images")
    assert attack.needs == {LABELLED_ATTRIBUTES}
    assert abs(roc_auc_score(here.is_member, attack.run(here.view).scores) - 0.5) < 0.1
    assert not any(here.num_asked.values())


def test_pixels_that_show_the_attribute_are_found_without_an_api() -> None:
    view = world_of_attributes("null").view
    assert view.auxiliary is not None
    shown = view.auxiliary.inputs // 2 + 100 * (view.auxiliary.labels == 1).astype(np.uint8)[:, None, None, None]
    is_light = np.arange(400) % 2 == 0
    inputs = view.challenge.inputs // 2 + 100 * is_light.astype(np.uint8)[:, None, None, None]
    view = replace(
        view,
        auxiliary=Examples(shown, view.auxiliary.labels),
        challenge=replace(view.challenge, inputs=inputs),
    )
    assert roc_auc_score(is_light, AttributeInference(without_api="images").run(view).scores) > 0.95


def test_the_majority_is_what_most_of_those_told_of_are() -> None:
    view = world_of_attributes("memoriser").view
    assert view.auxiliary is not None
    labels = (np.arange(200) < 120).astype(np.int64)
    verdict = AttributeInference(without_api="majority").run(
        replace(view, auxiliary=Examples(view.auxiliary.inputs, labels))
    )
    assert verdict.decisions.all()
    assert np.unique(verdict.scores) == pytest.approx([0.1])


def test_a_few_scores_or_references_are_all_that_is_gone_by() -> None:
    here = world_of_attributes("memoriser")
    assert auc(AttributeInference(api="recognition", num_scores=1)) < auc(AttributeInference(api="recognition"))
    two = replace(here.view, references=here.view.references and here.view.references.take(np.arange(2)))
    AttributeInference(api="verification").run(two)
    assert here.num_asked["csmall/verification"] == 2 * (400 + 200)


def test_what_a_fold_is_told_is_what_the_attack_asks_for() -> None:
    attack = AttributeInference(api="verification", auxiliary_points=30, references=5, attribute="glasses")
    assert attack.needs == {DISTANCES, LABELLED_ATTRIBUTES}
    assert attack.folding == Folding(5, "identity", "glasses", 30, 5)
    assert AttributeInference().folding == Folding(5, "identity", "gender", 100, 0)


def test_without_labelled_photos_there_is_nothing_to_learn_from() -> None:
    view = replace(world_of_attributes("null").view, auxiliary=None)
    with pytest.raises(ScenarioError, match=r"grant adversary\.knows\.labelled_attributes"):
        AttributeInference().run(view)
