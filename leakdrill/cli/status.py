"""How far runs are: one in detail, or all of a folder in a table."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from leakdrill.cli.shell import RunArgument, stdout
from leakdrill.cli.threats import plain_table

if TYPE_CHECKING:
    from leakdrill.runs.state import RunState

FolderArgument = Annotated[Path, typer.Argument(metavar="[DIR]", help="The folder that runs are in.")]
NONE = "-"
MARKS = {"done": "✓", "running": "▶", "interrupted": "✗", "to come": "·"}


def status(run_dir: RunArgument) -> None:
    """Say how far a run is: its steps, the queries it has left, whether it is alive, and what to do next.

    \b
    leakdrill status runs/quickstart-20260101-120000
    """
    from leakdrill.runs.state import state_of

    found, console = state_of(run_dir), stdout()
    verdict = f", {found.verdict}" if found.verdict else ""
    console.print(Text(f"{run_dir}: {found.state}{verdict}", style="bold"), soft_wrap=True)
    console.print(f"began {_when(found.began)}, {_last(found)}", soft_wrap=True)
    for step in found.steps:
        console.print(f"  {MARKS[step.state]} {step.number:2} {step.name}" + _remark(step.state))
    if found.cells:
        console.print(f"  {found.cells[0]} of {found.cells[1]} cells are finished")
    for model, asked in sorted(found.asked.items()):
        left = max(0, found.budget - asked + found.asked_in_folds.get(model, 0))
        of_budget = f", {left:,} left of {found.budget:,}" if found.budget else ""
        console.print(f"queries of {model}, by attacks that have ended: {asked:,}{of_budget}", soft_wrap=True)
    console.print(f"next: {found.next}", soft_wrap=True)


def runs(folder: FolderArgument = Path("runs")) -> None:
    """List the runs in a folder, the latest first.

    \b
    leakdrill runs
    leakdrill runs /data/runs
    """
    from leakdrill.errors import LeakdrillError
    from leakdrill.runs.state import find_runs, state_of

    table = plain_table("run", "began", "state", "verdict", "step", "took")
    for run_dir in find_runs(folder):
        try:
            found = state_of(run_dir)
        except LeakdrillError as error:
            table.add_row(run_dir.name, NONE, f"cannot be read: {error}", NONE, NONE, NONE)
            continue
        table.add_row(run_dir.name, _when(found.began), found.state, found.verdict or NONE, _step(found), _took(found))
    stdout().print(table)


def _remark(state: str) -> str:
    return f"   {state}" if state in ("running", "interrupted") else ""


def _step(found: "RunState") -> str:
    """ "3 of 10 adapt", or how many cells."""
    if found.cells:
        return f"{found.cells[0]} of {found.cells[1]} cells"
    at = next((step for step in found.steps if step.state != "done"), None)
    return f"{at.number} of {len(found.steps)}, {at.name}" if at else f"all {len(found.steps)}"


def _when(moment: datetime | None) -> str:
    return f"{moment.astimezone():%Y-%m-%d %H:%M:%S}" if moment else "nothing yet"


def _last(found: "RunState") -> str:
    if found.state == "running":
        return f"running for {_took(found)}"
    return f"last heard of {_when(found.ended)}, after {_took(found)}"


def _took(found: "RunState") -> str:
    """ "0:02:13": hours, minutes and seconds."""
    return str(timedelta(seconds=round(found.seconds)))
