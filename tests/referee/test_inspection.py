"""What is seen between two steps, of a drill that is never played."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from small import SMALL, small

from leakdrill.referee.inspection import Budget, inspect
from leakdrill.referee.journal import Journal

ROUNDING = {"kind": "rounding", "decimals": 1}
DEFEND = {"defend": {"party": "cbig", "defences": [{"kind": "temperature"}]}}


def seen(num_steps: int, queries: dict[str, int], journal: Journal) -> Any:
    """A drill of which so many steps were played."""
    cbig = SMALL["cbig"] | {"api": {"defences": [ROUNDING]}}
    scenario = small(cbig=cbig, timeline=["train_source", DEFEND, *SMALL["timeline"][1:]])
    return SimpleNamespace(
        scenario=scenario,
        played=scenario.timeline[:num_steps],
        states={"cbig": "setup"},
        queries=lambda: queries,
        spent_before=journal.spent_before(),
        asked_in_folds=journal.asked_in_folds(),
    )


def test_a_defence_that_was_replaced_is_held_no_more(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.jsonl")
    held = [[what for what in inspect(seen(n, {}, journal)).holdings["cbig"] if "API" in what] for n in (1, 2)]
    assert held == [["an API defended by rounding"], ["an API defended by temperature"]]


def test_a_budget_is_there_before_the_first_question_and_folds_have_their_own(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.jsonl")
    assert inspect(seen(0, {}, journal)).budgets == []
    assert inspect(seen(1, {}, journal)).budgets == [Budget("cbig/source", 0, 5000)]
    journal.append("step_done", key="attack kept 0", queries={"cbig/source": 7000}, in_folds=True)
    journal.append("forked", origin="run", number=3, spent={"cbig/source": 40})
    for name, count, in_folds in (("told", 9000, True), ("gap", 280, False)):
        journal.append("step_done", key=f"attack {name} 0", queries={"cbig/source": count}, in_folds=in_folds)
    (budget,) = inspect(seen(2, {"cbig/source": 9280}, journal)).budgets
    assert (budget.asked, budget.left) == (320, 4680)
