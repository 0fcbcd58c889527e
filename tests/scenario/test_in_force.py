from pathlib import Path
from typing import Any

import pytest
from small import SMALL, small

from leakdrill.errors import ScenarioError
from leakdrill.scenario.in_force import in_force
from leakdrill.scenario.steps import PlainStep
from leakdrill.scenario.threat import check_threat, grants, threat_table

BREACH: Any = {"breach": {"fidelity": "full"}}
ROUNDING = {"kind": "rounding", "decimals": 1}
AFTER = {"attack": {"name": "after", "kind": "transmia", "shadow": "freeze", "num_shadows": 2, "shadow_size": 40}}


def defend(party: str, *defences: Any) -> Any:
    return {"defend": {"party": party, "defences": list(defences)}}


def test_the_latest_defend_says_what_stands_there() -> None:
    steps = ["train_source", defend("cbig", ROUNDING), defend("cbig", {"kind": "temperature"}), "release"]
    scenario = small(timeline=[*steps, defend("csmall", ROUNDING)])
    kinds = [[each.kind for each in in_force(scenario, scenario.timeline[:n]).cbig.api.defences] for n in range(1, 6)]
    assert kinds == [[], ["rounding"], ["temperature"], ["temperature"], ["temperature"]]
    assert [each.kind for each in in_force(scenario, scenario.timeline).csmall.api.defences] == ["rounding"]


def test_what_was_copied_before_a_revoke_is_granted_after_it() -> None:
    scenario = small(timeline=["train_source", "release", BREACH, "revoke", AFTER])
    check_threat(scenario)
    held = threat_table(scenario).holdings["adversary"]
    assert "feature_extractor, leaked (insider), after breach, and still after revoke" in held


def test_once_fresh_adversaries_have_sat_there_the_copy_from_before_a_revoke_is_gone() -> None:
    in_folds = {"attack": {"name": "told", "kind": "class_based_aux", "folds": 3}}
    granted = [
        [threat.granted for threat in grants(small(timeline=["train_source", "release", BREACH, *then, AFTER]))][-1]
        for then in ([], ["revoke"], [in_folds], ["revoke", in_folds])
    ]
    assert ["feature_extractor" in each for each in granted] == [True, True, True, False]


@pytest.mark.parametrize(
    ("timeline", "says"),
    [
        (["train_source", "revoke"], "revoke: no breach is open"),
        (["train_source", "release", BREACH, "revoke", "revoke"], "revoke: no breach is open"),
        ([defend("cbig", ROUNDING), "train_source"], "cbig has no model to defend yet: put train_source before it"),
        (["train_source", defend("csmall", ROUNDING)], "csmall has no model to defend yet: put release or load_target"),
        (
            ["train_source", defend("cbig", ROUNDING, {"kind": "memguard"})],
            "defend: .*memguard is fitted on the model's own scores",
        ),
    ],
)
def test_responses_that_come_too_early_or_could_not_stand_there_are_refused(timeline: list[Any], says: str) -> None:
    with pytest.raises(ScenarioError, match=says):
        check_threat(small(timeline=timeline))


def test_a_defence_may_be_switched_in_before_there_are_distances_to_try_pairs_on(tmp_path: Path) -> None:
    """A drill checks what it has played so far at every step."""
    data = SMALL["data"] | {"verification_pairs": {"root": str(tmp_path)}}
    timeline = ["train_source", defend("cbig", ROUNDING), "release"]
    scenario = small(data=data, csmall={"apis": ["verification"]}, timeline=timeline)
    check_threat(scenario.model_copy(update={"timeline": scenario.timeline[:2]}))


def test_an_owner_may_defend_a_model_of_its_own_that_was_never_built_on_g_s() -> None:
    scenario = small(timeline=["train_source", "release", defend("csmall", ROUNDING)])
    loaded = PlainStep(step="load_target")
    timeline = [scenario.timeline[0], loaded, scenario.timeline[2]]
    assert grants(scenario.model_copy(update={"timeline": timeline})) == []


def test_a_defence_that_is_switched_in_before_logits_is_refused() -> None:
    cbig = SMALL["cbig"] | {"api": {"outputs": ["logits", "scores"]}}
    with pytest.raises(ScenarioError, match="outputs has logits, which would undo the defences"):
        check_threat(small(cbig=cbig, timeline=["train_source", defend("cbig", ROUNDING)]))
