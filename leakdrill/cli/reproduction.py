"""Whether a run comes out the same again."""

import shutil
import time
from pathlib import Path

import typer
from rich.table import Table

from leakdrill.cli.play import running_parties
from leakdrill.cli.shell import OutOption, PartiesOption, RunArgument, new_run_dir, stdout
from leakdrill.runs.reading import CELLS, SCENARIO, finished_drills, recorded_scenario, recorded_split_key

IDENTICAL, DIFFERENT = 0, 1


def reproduce(run_dir: RunArgument, out: OutOption = None, parties_file: PartiesOption = None) -> None:
    """Play a finished run's recorded scenario again, with the same members, and list every figure that differs.

    All figures of results.json are compared, but times and the machine. Exits with 0 if they are identical, else 1.

    \b
    leakdrill reproduce runs/quickstart-20260101-120000
    """
    from leakdrill.referee.compare import differences, figures
    from leakdrill.referee.console import observe
    from leakdrill.referee.drill import Drill
    from leakdrill.referee.remote_parties import seated

    # but for cells that broke before they were dealt
    finished = [(drill_dir, then) for drill_dir, then in finished_drills(run_dir) if (drill_dir / SCENARIO).exists()]
    again = new_run_dir(
        out or run_dir.with_name(f"{run_dir.name}-again-{time.strftime('%Y%m%d-%H%M%S')}"), run_dir.name
    )
    if (run_dir / CELLS).is_dir():
        _copy_plan(run_dir, again)
    console, table, num_figures = stdout(), Table("figure", "then", "now"), 0
    with observe(console) as observer, seated(again, running_parties(parties_file)) as parties:
        for drill_dir, then in finished:
            where, split_key = again / drill_dir.relative_to(run_dir), recorded_split_key(drill_dir)
            drill = Drill(
                recorded_scenario(drill_dir), out=where, observer=observer, parties=parties, split_key=split_key
            )
            with drill:
                now = drill.run()
            num_figures += len(figures(then))
            cell = "" if drill_dir == run_dir else f"{drill_dir.name}: "
            for difference in differences(then, now):
                table.add_row(f"{cell}{difference.figure}", str(difference.then), str(difference.now))
    console.print()
    if not table.row_count:
        console.print(f"identical: all {num_figures} figures of {run_dir} came out the same in {again}", soft_wrap=True)
        raise typer.Exit(IDENTICAL)
    console.print(table)
    console.print(
        f"{table.row_count} of {num_figures} figures of {run_dir} came out differently in {again}", soft_wrap=True
    )
    raise typer.Exit(DIFFERENT)


def _copy_plan(run_dir: Path, again: Path) -> None:
    """So that the new folder of a grid can be shown, and gone on with, as the old one can."""
    again.mkdir(parents=True, exist_ok=True)
    for name in (SCENARIO, "sweep.json"):
        if (run_dir / name).exists():
            shutil.copy(run_dir / name, again)
