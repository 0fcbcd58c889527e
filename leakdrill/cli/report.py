"""The report for people: by command, and by itself when a run has ended."""

from pathlib import Path
from typing import Annotated

import typer

from leakdrill.cli.shell import RunArgument, complain, stdout


def report(
    run_dir: RunArgument,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="Where it goes; default: report.html in the run's folder."),
    ] = None,
    include_examples: Annotated[
        bool,
        typer.Option("--include-examples", help="Show the most exposed examples: for those who may see them."),
    ] = False,
) -> None:
    """Write the report on a run or a sweep: one HTML file with nothing to load, from the run's folder alone.

    \b
    leakdrill report runs/quickstart-20260101-120000
    leakdrill report runs/quickstart-20260101-120000 --out leak.html --include-examples
    """
    from leakdrill.report import write_report

    stdout().print(f"{write_report(run_dir, out, include_examples)}", soft_wrap=True)


def leave_report(run_dir: Path) -> None:
    """Write the report on a run that has ended. Whatever goes wrong there costs no more than the report."""
    from leakdrill.report import write_report

    try:
        written = write_report(run_dir, keep_current=True)  # many shards of a sweep may end
    except Exception as error:  # a bug as well: the drill is played and judged, and its exit code is its verdict's
        complain(f"no report was written ({type(error).__name__}: {error}); try: leakdrill report {run_dir}")
        return
    stdout().print(f"report: {written}", soft_wrap=True)
