"""A real drill about csmall's own training data."""

from pathlib import Path

import pytest

from leakdrill.errors import ScenarioError
from leakdrill.referee.drill import Drill
from leakdrill.referee.local import LocalParties
from leakdrill.scenario.schema import Scenario
from leakdrill.scenario.threat import check_threat
from tests.small import SMALL, small

FIT = {"epochs": 20, "batch_size": 16, "learning_rate": 0.05}
DATA = SMALL["data"] | {
    "splits": SMALL["data"]["splits"] | {"shadow_train": 25, "shadow_test": 25, "teacher_train": 10},
    "target": {"classes": 3, "train": 25, "test": 25},
    "challenge": {"members_of": "target", "per_class": 20},
}
KNOWS = {"transfer_method": True}


def scenario(*attacks: dict[str, object], **knows: bool) -> Scenario:
    return small(
        data=DATA,
        csmall={"target_model": {"transfer": "fine_tune", "fit": FIT}, "api": {"outputs": ["scores", "label"]}},
        adversary={"query_budget": 5000, "workers": 1, "knows": KNOWS | knows},
        timeline=["train_source", "release", "adapt", {"breach": {}}, *({"attack": attack} for attack in attacks)],
        expect=[],
    )


@pytest.mark.slow
def test_csmalls_members_are_sought_at_csmalls_api_alone(parties: LocalParties, tmp_path: Path) -> None:
    attacks: list[dict[str, object]] = [
        {"kind": "gap"},
        {"kind": "boundary", "queries_per_example": 10, "tuning_examples": 10, "fit": FIT},
        {"kind": "student_mia", "num_shadows": 2, "shadow_size": 60, "fit": FIT},
    ]
    with Drill(scenario(*attacks), out=tmp_path / "run", parties=parties) as drill:
        results = drill.run()
    assert results.error is None
    for attack in results.attacks:
        assert attack.on == "csmall/recognition"
        assert set(attack.queries) == {"csmall/recognition"}
        assert attack.num_members == attack.num_non_members == 60


def test_an_attack_needs_the_api_of_the_model_that_it_attacks() -> None:
    check_threat(scenario({"kind": "gap", "output": "label"}))
    closed = scenario({"kind": "boundary"})
    closed = closed.model_copy(update={"csmall": closed.csmall.model_copy(update={"apis": ["features"]})})
    with pytest.raises(ScenarioError, match=r"csmall/recognition:label: add recognition to csmall\.apis"):
        check_threat(closed)


def test_an_attack_on_the_source_model_finds_no_members_of_csmalls() -> None:
    with pytest.raises(ScenarioError, match=r"finds members of cbig/source, but data\.challenge\.members_of is target"):
        check_threat(scenario({"kind": "transmia", "shadow": "freeze"}))


def test_csmalls_training_data_are_not_granted_when_they_are_what_is_sought() -> None:
    with pytest.raises(ValueError, match="would show the adversary who the members are"):
        scenario({"kind": "gap"}, target_examples=True)
