"""Looking without playing: a scenario before its run, a run after its end."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from leakdrill.cli.policies import render_policy
from leakdrill.cli.shell import RunArgument, ScenarioArgument, SetOption, SmokeOption, stdout
from leakdrill.cli.threats import render_threats
from leakdrill.referee.table import render, render_cells
from leakdrill.results import Results
from leakdrill.runs.reading import cells_of, finished_drills

if TYPE_CHECKING:
    from leakdrill.scenario.schema import Scenario


JunitOption = Annotated[
    Path | None,
    typer.Option("--junit", metavar="FILE", help="Write the expectations as JUnit XML; what is undecided fails."),
]
PolicyOption = Annotated[bool, typer.Option("--policy", help="Print every call that any party may make, and when.")]


def check(
    scenario: ScenarioArgument, settings: SetOption = None, smoke: SmokeOption = False, policy: PolicyOption = False
) -> None:
    """Check a scenario without playing it: its keys, its claims, and who holds and may call what.

    An attack that needs access which the scenario does not grant is refused, as it is by leakdrill run.

    \b
    leakdrill check quickstart
    leakdrill check scenarios/null.yaml --set adversary.query_budget=500
    leakdrill check quickstart --policy
    """
    from leakdrill.network.policy import Policy
    from leakdrill.scenario.grid import expand, why_skipped
    from leakdrill.scenario.loading import load_scenario
    from leakdrill.scenario.threat import threat_table, together

    loaded = load_scenario(scenario, settings or [], smoke=smoke)
    grid = expand(loaded.scenario)
    cells = grid.cells
    console = stdout()
    console.print(loaded.scenario.question, style="bold")
    console.print(render_threats(together([threat_table(cell.scenario) for cell in cells])))
    if policy:
        console.print(render_policy(Policy.load().rows))
    refuse_unplayable(loaded.scenario)
    for line in why_skipped(grid):
        console.print(line, soft_wrap=True)
    drills = "one drill" if len(cells) == 1 else f"{len(cells)} drills, one for each cell of its grid"
    console.print(f"\n{loaded.path} can be played: {drills}", soft_wrap=True)


def refuse_unplayable(scenario: "Scenario") -> None:
    """Raises ScenarioError for a claim, a timeline or an attack that cannot be played, in any cell of a grid."""
    from leakdrill.referee.clause import validate
    from leakdrill.referee.guessing import check_guesses
    from leakdrill.scenario.grid import expand_grid
    from leakdrill.scenario.threat import check_threat

    for cell in expand_grid(scenario):
        validate(cell.scenario)
        check_threat(cell.scenario)
        check_guesses(cell.scenario)


def show(run_dir: RunArgument, policy: PolicyOption = False, junit: JunitOption = None) -> None:
    """Print what a finished run found; of a grid, one table of all its cells.

    \b
    leakdrill show runs/quickstart-20260101-120000
    leakdrill show runs/quickstart-20260101-120000 --policy
    leakdrill show runs/quickstart-20260101-120000 --junit gate.xml
    """
    from leakdrill.runs.junit import write_junit

    print_run(run_dir)
    if junit:
        write_junit(run_dir, junit)
    if policy:  # the one that the run was played under
        stdout().print(render_policy(finished_drills(run_dir)[0][1].policy))


def cite(run_dir: RunArgument) -> None:
    """Print BibTeX: leakdrill and the run, with versions and hashes, and the papers behind all that ran.

    \b
    leakdrill cite runs/quickstart-20260101-120000 >> paper.bib
    """
    from leakdrill.runs.cite import cite

    typer.echo(cite(run_dir))


def print_run(run_dir: Path) -> None:
    """The table of a finished drill, or the one of a grid's cells."""
    finished = dict(finished_drills(run_dir))
    if run_dir in finished:
        stdout().print(render(finished[run_dir]))
    else:
        _print_cells(run_dir, finished)


def _print_cells(run_dir: Path, finished: dict[Path, Results]) -> None:
    cells = cells_of(run_dir)
    console = stdout()
    console.print(render_cells([(overrides, finished[path]) for path, overrides in cells.items() if path in finished]))
    if missing := len(cells) - len(finished):
        console.print(
            f"{missing} of {len(cells)} cells are yet to be played: leakdrill resume {run_dir}", soft_wrap=True
        )
