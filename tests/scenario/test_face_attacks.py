"""Attacks through the face APIs that the data cannot serve are refused before anything is trained."""

from typing import Any

import pytest

from leakdrill.errors import ScenarioError
from leakdrill.scenario.schema import Scenario
from leakdrill.scenario.threat import check_threat
from tests.small import small


def scenario(attack: dict[str, Any], per_class: int = 4, **knows: Any) -> Scenario:
    return small(
        data={
            "set": "synthfaces",
            "classes": 14,
            "per_class": 14,
            "image_size": 32,
            "splits": {"source_train": 6, "source_test": 2, "source_validation": 2},
            "target": {"classes": 4, "train": 2, "test": 2},
            "challenge": {"members_by": "identity", "per_class": per_class},
        },
        csmall={"apis": ["features", "verification", "recognition"]},
        adversary={"knows": {"shadow_examples": False, "labelled_identities": 4, "labelled_attributes": 40} | knows},
        timeline=["train_source", "release", "adapt", {"attack": attack}],
        expect=[],
    )


@pytest.mark.parametrize(
    ("attack", "per_class", "says"),
    [
        ({"kind": "class_based"}, 1, "by 2 photos or more, and data.challenge.per_class is 1"),
        ({"kind": "class_based_aux"}, 1, "by 2 photos or more"),
        ({"kind": "first_cut", "api": "verification"}, 1, "by 2 photos or more"),
        ({"kind": "class_based", "api": "recognition", "top_k": 5}, 4, "goes by 5 scores, .* recognition gives 4"),
        ({"kind": "attribute_inference", "api": "recognition", "num_scores": 5}, 4, "goes by 5 scores"),
        ({"kind": "class_based", "labels": "clustered"}, 4, "auxiliary_faces: add data.auxiliary_faces"),
    ],
)
def test_what_the_data_cannot_serve_is_refused(attack: dict[str, Any], per_class: int, says: str) -> None:
    with pytest.raises(ScenarioError, match=says):
        check_threat(scenario(attack, per_class))


@pytest.mark.parametrize(
    ("attack", "says"),
    [
        ({"kind": "class_based", "api": "verification", "p": 2}, "p and off_diagonal are about S"),
        ({"kind": "class_based_aux", "api": "verification", "off_diagonal": 0}, "p and off_diagonal are about S"),
        ({"kind": "first_cut", "api": "verification", "classifier": "svm"}, "leave classifier and num_components out"),
        ({"kind": "first_cut", "api": "verification", "num_components": 5}, "leave classifier and num_components out"),
        ({"kind": "attribute_inference", "num_scores": 5}, "num_scores is about recognition's scores"),
    ],
)
def test_a_setting_that_the_api_leaves_without_a_use_is_refused(attack: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        scenario(attack)


@pytest.mark.parametrize(
    ("attack", "per_class"),
    [
        ({"kind": "first_cut"}, 1),
        ({"kind": "attribute_inference", "api": "verification"}, 1),
        ({"kind": "class_based", "api": "recognition", "top_k": 4}, 2),
    ],
)
def test_what_is_just_enough_is_not(attack: dict[str, Any], per_class: int) -> None:
    check_threat(scenario(attack, per_class))


def test_auxiliary_faces_of_nobody_cannot_be_granted() -> None:
    with pytest.raises(ValueError, match="auxiliary_faces are of nobody"):
        scenario({"kind": "class_based"}, auxiliary_faces=True)
