"""Playing a drill, or the rest of one."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import typer

from leakdrill.cli.look import print_run, refuse_unplayable
from leakdrill.cli.report import leave_report
from leakdrill.cli.runs import SCENARIO, recorded_scenario, recorded_split_key
from leakdrill.cli.shell import (
    INTERRUPTED,
    OutOption,
    PartiesOption,
    RunArgument,
    ScenarioArgument,
    SetOption,
    SmokeOption,
    complain,
    exit_code,
    new_run_dir,
    stdout,
)
from leakdrill.results import Results

if TYPE_CHECKING:
    from leakdrill.referee.remote_parties import Parties


def run(
    scenario: ScenarioArgument,
    out: OutOption = None,
    settings: SetOption = None,
    smoke: SmokeOption = False,
    parties: PartiesOption = None,
) -> None:
    """Play a drill: start the parties, deal the data, attack, judge.

    \b
    leakdrill run quickstart
    leakdrill run scenarios/transmia-faces.yaml --set data.root=/data/faces100 --out runs/faces
    leakdrill run quickstart --smoke
    """
    from leakdrill.referee.console import observe
    from leakdrill.referee.estimate import estimate
    from leakdrill.referee.grid import run_scenario
    from leakdrill.scenario.loading import load_scenario

    loaded = load_scenario(scenario, settings or [], smoke=smoke)
    refuse_unplayable(loaded.scenario)
    run_dir = new_run_dir(out, loaded.name)
    with _resumable(run_dir), observe(stdout()) as observer:
        observer.started(run_dir, str(estimate(loaded.scenario)))
        results = run_scenario(loaded, run_dir, observer, running_parties(parties))
    _conclude(run_dir, results)


def resume(run_dir: RunArgument, parties: PartiesOption = None) -> None:
    """Go on with a run that was stopped: finished attacks and trained models are not made again.

    \b
    leakdrill resume runs/quickstart-20260101-120000
    """
    from leakdrill.referee.console import observe
    from leakdrill.referee.grid import resume_run

    recorded_scenario(run_dir), recorded_split_key(run_dir)  # or say what is missing
    with _resumable(run_dir), observe(stdout()) as observer:
        results = resume_run(run_dir, observer, running_parties(parties))
    _conclude(run_dir, results)


def running_parties(file: Path | None) -> "Parties | None":
    """Those that the file names; None without a file."""
    from leakdrill.referee.remote_parties import RemoteParties

    return None if file is None else RemoteParties.load(file)


def _conclude(run_dir: Path, results: Results | list[Results]) -> NoReturn:
    """A single drill has been printed when it finished; the cells of a grid are summed up here."""
    if isinstance(results, list):
        typer.echo()
        print_run(run_dir)
    leave_report(run_dir)
    raise typer.Exit(exit_code(results))


@contextmanager
def _resumable(run_dir: Path) -> Iterator[None]:
    """By the time an interrupt gets here, the drill's own context managers have stopped the parties that it started."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)  # a container is stopped by it
    try:
        yield
    except KeyboardInterrupt:
        can_resume = (run_dir / SCENARIO).exists()
        went_on = f"resume with: leakdrill resume {run_dir}" if can_resume else "nothing was played"
        complain(f"interrupted; {went_on}")
        raise typer.Exit(INTERRUPTED) from None
    finally:
        signal.signal(signal.SIGTERM, before)
