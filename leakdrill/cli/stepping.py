"""A drill a step at a time: a prompt before each, a look around, and where to stop."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.console import Console, Group, RenderableType
from rich.text import Text

from leakdrill.cli.look import refuse_unplayable
from leakdrill.cli.shell import new_run_dir, stdout
from leakdrill.cli.threats import calls_table, holdings_table, plain_table
from leakdrill.errors import InvalidInput, ScenarioError

if TYPE_CHECKING:
    from leakdrill.referee.drill import Drill
    from leakdrill.referee.inspection import Budget, Inspection
    from leakdrill.referee.pacing import Choice, Pace
    from leakdrill.referee.remote_parties import Parties
    from leakdrill.results import Results
    from leakdrill.scenario.loading import Loaded
    from leakdrill.scenario.schema import Scenario

StepOption = Annotated[
    bool, typer.Option("--step", help="Pause before every step: play it, look around, leave it out, or stop.")
]
UntilOption = Annotated[
    str | None,
    typer.Option(
        "--until", metavar="STEP", help="Stop after this step, named by its number, name or kind; resume goes on."
    ),
]
FromOption = Annotated[
    str | None,
    typer.Option("--from", metavar="STEP", help="Fork the run at this step, which is played again, and all after it."),
]

Answer = Literal["next", "inspect", "skip", "abort"]
ANSWERS: tuple[Answer, ...] = ("next", "inspect", "skip", "abort")


def check_pace(scenario: "Scenario", step: bool, until: str | None) -> None:
    """Raises InvalidInput for a sweep, which is played without a pause, and for a step that there is not."""
    from leakdrill.scenario.finding import find_step

    if scenario.grid and (step or until is not None):
        raise InvalidInput("--step and --until are for a single drill, and this scenario has a grid: leave them out")
    if until is not None:
        find_step(scenario.timeline, until)


def fork(
    run_dir: Path, start: str | None, settings: list[str], out: Path | None, until: str | None
) -> "tuple[Path, Scenario]":
    """Where the fork is, and what is played there. Raises InvalidInput, before anything is written, as check_pace."""
    from leakdrill.referee.forking import beside, make_fork, plan_fork

    planned = plan_fork(run_dir, start, settings)
    refuse_unplayable(planned.scenario)
    check_pace(planned.scenario, step=False, until=until)
    where = new_run_dir(out or beside(run_dir, f"fork-{time.strftime('%Y%m%d-%H%M%S')}"), "")
    make_fork(planned, where)
    stdout().print(f"{where}\n{planned}", soft_wrap=True)
    return where, planned.scenario


def run_paced(loaded: "Loaded", run_dir: Path, parties: "Parties | None", step: bool, until: str | None) -> "Results":
    """Raises Stopped where it is stopped before its end."""
    from leakdrill.referee.console import PlainConsole
    from leakdrill.referee.drill import Drill

    observer = PlainConsole(stdout())  # live bars and a prompt would get into each other's way
    observer.note(str(run_dir))
    with Drill(loaded.scenario, out=run_dir, observer=observer, parties=parties) as drill:
        return drill.run(_pace(drill, step, until))


def resume_paced(run_dir: Path, parties: "Parties | None", step: bool, until: str | None) -> "Results":
    """Raises Stopped where it is stopped before its end."""
    from leakdrill.referee.console import PlainConsole
    from leakdrill.referee.drill import Drill

    with Drill.resume(run_dir, PlainConsole(stdout()), parties) as drill:
        return drill.run(_pace(drill, step, until))


def _pace(drill: "Drill", step: bool, until: str | None) -> "Pace":
    from leakdrill.referee.pacing import straight_on, up_to
    from leakdrill.scenario.finding import find_step

    pace = _asking(stdout()) if step else straight_on
    timeline = drill.scenario.timeline
    return pace if until is None else up_to(timeline[find_step(timeline, until)], pace)


def _asking(console: Console) -> "Pace":
    """A pace that asks a person."""
    from leakdrill.referee.console import describe
    from leakdrill.referee.inspection import inspect
    from leakdrill.referee.pacing import without_step

    def ask(drill: "Drill", index: int) -> "Choice":
        timeline = drill.scenario.timeline
        console.print(Text(f"\nstep {index + 1} of {len(timeline)}: {describe(timeline[index])}", style="bold"))
        while True:
            match _answer():
                case "next":
                    return "play"
                case "abort":
                    return "stop"
                case "inspect":
                    console.print(render_inspection(inspect(drill)))
                case "skip":
                    try:
                        _, lost = without_step(drill.scenario, index, drill.begun)
                    except ScenarioError as error:
                        console.print(Text(f"  it cannot be left out: {error}"), soft_wrap=True)
                        continue
                    for claim in lost:
                        console.print(Text(f"  left out with it, since it cannot be decided: {claim}"), soft_wrap=True)
                    return "skip"

    return ask


def _answer() -> Answer:
    """What is typed, or its beginning; an empty line is the first, and the end of the input the last."""
    while True:
        try:
            typed = str(typer.prompt("  next, inspect, skip or abort", default="next")).strip().lower()
        except typer.Abort:
            typer.echo()
            return "abort"
        for answer in ANSWERS:
            if typed and answer.startswith(typed):
                return answer
        typer.echo(f"  got {typed!r}, wanted one of {', '.join(ANSWERS)}, or its first letter")


def render_inspection(seen: "Inspection") -> RenderableType:
    """Three tables, with the state that each party is in beside what it holds."""
    held = {f"{party} ({seen.states[party]})" if party in seen.states else party: what
            for party, what in seen.holdings.items()}  # fmt: skip
    return Group(
        Text(), holdings_table(held), Text(), calls_table(seen.calls, now=True), Text(), budget_table(seen.budgets)
    )


def budget_table(budgets: "list[Budget]") -> RenderableType:
    if not budgets:
        return Text("there is no public model yet")
    table = plain_table("public model", "asked", "left", "of a budget of")
    for each in budgets:
        table.add_row(each.model, f"{each.asked:,}", f"{each.left:,}", f"{each.budget:,}")
    return table
