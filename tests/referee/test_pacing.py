"""Leaving steps out, and where to stop: on scenarios alone, and in a drill that is never played."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from small import SMALL, small

from leakdrill.errors import ScenarioError
from leakdrill.referee.attacking import begun_attacks
from leakdrill.referee.journal import Journal
from leakdrill.referee.pacing import up_to, without_step
from leakdrill.scenario.steps import name_of

BREACH = SMALL["timeline"][4]
EXPECT = [
    {"claim": "the leak helps", "that": "after.auc > gap.auc"},
    {"claim": "images alone do not tell", "that": "baseline.auc < 0.9"},
]


def test_a_step_is_left_out_with_the_claims_that_need_it() -> None:
    shorter, lost = without_step(small(expect=EXPECT), 3)
    assert [name_of(step) for step in shorter.timeline] == ["train_source", "release", "adapt", "breach", "after"]
    assert lost == ["the leak helps"]
    assert [each.claim for each in shorter.expect] == ["images alone do not tell"]


@pytest.mark.parametrize(("index", "says"), [(0, "put train_source before it"), (4, "put a breach before the attack")])
def test_a_step_that_others_need_cannot_be_left_out(index: int, says: str) -> None:
    with pytest.raises(ScenarioError, match=says):
        without_step(small(), index)


def test_a_step_that_an_attack_of_this_run_was_played_after_cannot_be_left_out_but_an_attack_can(
    tmp_path: Path,
) -> None:
    journal = Journal(tmp_path / "journal.jsonl")
    journal.append("step_done", key="attack gap 0", queries={})
    scenario = small(timeline=[*SMALL["timeline"][:4], BREACH, BREACH, SMALL["timeline"][5]])
    without_step(scenario, 4, begun_attacks(journal))
    journal.append("step_begun", key="attack after 0", queries={})
    for index in (4, 5):
        with pytest.raises(ScenarioError, match=rf"played 'after' .*: fork the run at it .*--from {index + 1} "):
            without_step(scenario, index, begun_attacks(journal))
    without_step(scenario, 3, begun_attacks(journal))


def test_what_remains_is_a_scenario_that_can_be_written_down_with_the_guesses_that_it_can_answer(
    tmp_path: Path,
) -> None:
    data = SMALL["data"] | {"verification_pairs": {"root": str(tmp_path)}}
    timeline = ["train_source", "release", {"attack": {"kind": "gap"}}]
    guess = [{"ask": "gap?", "what": "gap.auc"}, {"ask": "after?", "what": "after.auc"}]
    assert [each.ask for each in without_step(small(guess=guess), 5)[0].guess] == ["gap?"]
    with pytest.raises(ScenarioError, match="needs csmall's distances"):
        without_step(small(timeline=timeline, data=data, csmall={"apis": ["verification"]}, expect=[]), 1)


def test_the_only_step_cannot_be_left_out() -> None:
    with pytest.raises(ScenarioError, match="only step"):
        without_step(small(timeline=["train_source"]), 0)


def test_a_drill_stops_after_the_step_that_is_named_even_if_one_before_it_is_left_out() -> None:
    scenario = small(timeline=SMALL["timeline"])
    drill: Any = SimpleNamespace(scenario=scenario)
    pace = up_to(scenario.timeline[4])
    assert [pace(drill, index) for index in range(6)] == ["play"] * 5 + ["stop"]
    drill.scenario, _ = without_step(scenario, 3)
    assert [pace(drill, index) for index in range(5)] == ["play"] * 4 + ["stop"]
