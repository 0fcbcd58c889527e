"""Playing a drill, or the rest of one."""

import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from leakdrill.cli.devices import DeviceOption, with_devices
from leakdrill.cli.look import JunitOption, print_run, refuse_unplayable
from leakdrill.cli.report import leave_report
from leakdrill.cli.shell import (
    EXIT_CODES,
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
from leakdrill.cli.stepping import (
    FromOption,
    StepOption,
    UntilOption,
    check_pace,
    fork,
    resume_paced,
    run_paced,
)
from leakdrill.errors import InvalidInput
from leakdrill.results import Results
from leakdrill.runs.reading import SCENARIO, recorded_scenario, recorded_split_key

if TYPE_CHECKING:
    from leakdrill.referee.remote_parties import Parties
    from leakdrill.referee.schedule import Schedule
    from leakdrill.scenario.schema import Scenario

JobsOption = Annotated[
    int | None,
    typer.Option(
        "--jobs",
        metavar="N",
        min=1,
        help="Cells of a grid played at once; default: one for two cores.",
        show_default=False,
    ),
]
RayOption = Annotated[
    str | None,
    typer.Option("--ray", metavar="ADDRESS", help="Play a grid's cells on Ray: a cluster's address, auto, or local."),
]
ShardOption = Annotated[
    str | None,
    typer.Option(
        "--shard",
        metavar="I/N",
        help="Play the I-th of N shares of a grid, as one of N jobs of an array, all of one --out.",
    ),
]


def run(
    scenario: ScenarioArgument,
    out: OutOption = None,
    settings: SetOption = None,
    smoke: SmokeOption = False,
    device: DeviceOption = None,
    parties: PartiesOption = None,
    jobs: JobsOption = None,
    ray: RayOption = None,
    shard: ShardOption = None,
    junit: JunitOption = None,
    step: StepOption = False,
    until: UntilOption = None,
) -> None:
    """Play a drill: start the parties, deal the data, attack, judge. Of a grid: a drill for every cell.

    \b
    leakdrill run quickstart
    leakdrill run scenarios/transmia-faces.yaml --set data.root=/data/faces100 --out runs/faces
    leakdrill run quickstart --smoke
    leakdrill run quickstart --step
    leakdrill run quickstart --until breach
    leakdrill run quickstart --device cuda --device cbig=cpu
    leakdrill run defences-quick --jobs 4
    leakdrill run gate --junit gate.xml
    """
    from leakdrill.referee.console import observe
    from leakdrill.referee.estimate import estimate
    from leakdrill.referee.grid import run_scenario
    from leakdrill.runs.junit import prepare, write_junit
    from leakdrill.runs.reading import recorded_sweep
    from leakdrill.scenario.grid import expand_grid
    from leakdrill.scenario.loading import load_scenario

    loaded = load_scenario(scenario, with_devices(settings, device), smoke=smoke)
    refuse_unplayable(loaded.scenario)
    check_pace(loaded.scenario, step, until)
    schedule = _schedule(loaded.scenario, jobs, ray, shard, parties)
    schedule.share(expand_grid(loaded.scenario))  # or say that there are too few cells
    run_dir = _shared_run_dir(out, loaded.scenario) if shard else new_run_dir(out, loaded.name)
    if junit:
        prepare(junit)
    with _resumable(run_dir):
        if step or until is not None:
            results: Results | list[Results] = run_paced(loaded, run_dir, running_parties(parties), step, until)
        else:
            with observe(stdout()) as observer:
                observer.started(run_dir, str(estimate(loaded.scenario, schedule)))
                results = run_scenario(loaded, run_dir, observer, running_parties(parties), schedule)
    if junit:
        own = [cell.name for cell in schedule.share(recorded_sweep(run_dir).cells)] if shard else None
        write_junit(run_dir, junit, own)
    _conclude(run_dir, results)


def resume(
    run_dir: RunArgument,
    start: FromOption = None,
    settings: SetOption = None,
    device: DeviceOption = None,
    out: OutOption = None,
    step: StepOption = False,
    until: UntilOption = None,
    parties: PartiesOption = None,
    jobs: JobsOption = None,
    ray: RayOption = None,
) -> None:
    """Go on with a run that was stopped: finished attacks and trained models are not made again.

    With --from, --set or --device, fork it: a new run in a folder of its own, with the same members, that keeps what
    came before the step, plays on from there, and trains only what is made differently.

    \b
    leakdrill resume runs/quickstart-20260101-120000
    leakdrill resume runs/quickstart-20260101-120000 --step
    leakdrill resume runs/quickstart-20260101-120000 --set after.num_shadows=50
    leakdrill resume runs/quickstart-20260101-120000 --from breach --set breach.fidelity.bits=8 --out runs/int8
    """
    from leakdrill.referee.console import observe
    from leakdrill.referee.grid import resume_run

    scenario, _ = recorded_scenario(run_dir), recorded_split_key(run_dir)  # or say what is missing
    schedule = _schedule(scenario, jobs, ray, None, parties)
    settings = with_devices(settings, device)
    if start is not None or settings:
        run_dir, scenario = fork(run_dir, start, settings, out, until)
    elif out is not None:
        raise InvalidInput("--out is for a fork, which goes to a folder of its own: give --from or --set, too")
    check_pace(scenario, step, until)
    with _resumable(run_dir):
        if step or until is not None:
            results: Results | list[Results] = resume_paced(run_dir, running_parties(parties), step, until)
        else:
            with observe(stdout()) as observer:
                results = resume_run(run_dir, observer, running_parties(parties), schedule)
    _conclude(run_dir, results)


def running_parties(file: Path | None) -> "Parties | None":
    """Those that the file names; None without a file."""
    from leakdrill.referee.remote_parties import RemoteParties

    return None if file is None else RemoteParties.load(file)


def _schedule(
    scenario: "Scenario", jobs: int | None, ray: str | None, shard: str | None, parties: Path | None
) -> "Schedule":
    """Raises InvalidInput for options that a single drill, or one with running parties, has no use for."""
    from leakdrill.cores import num_cores
    from leakdrill.referee.schedule import LOCAL, Schedule

    given = [name for name, value in (("--jobs", jobs), ("--ray", ray), ("--shard", shard)) if value is not None]
    if given and not scenario.grid:
        raise InvalidInput(f"{given[0]} is for the cells of a grid, and this scenario has none: leave it out")
    if parties is not None and (jobs is not None or ray is not None):
        raise InvalidInput(f"{given[0]} starts parties of its own: leave it out, or leave out --parties")
    is_elsewhere = parties is not None or ray not in (None, LOCAL)
    if jobs is not None and is_elsewhere:
        raise InvalidInput(
            f"--jobs is for this machine, and the cluster at --ray {ray} decides by itself: leave it out"
        )
    at_once = 1 if is_elsewhere else jobs or max(1, num_cores() // 2)
    return Schedule(at_once, ray, _shard(shard) if shard else None)


def _shard(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"(\d{1,4})/(\d{1,4})", text)
    number, num_shards = (int(match[1]), int(match[2])) if match else (0, 0)
    if not 1 <= number <= num_shards:
        raise InvalidInput(f"--shard {text}: wanted I/N, such as 1/8 for the first of eight shares")
    return number, num_shards


def _shared_run_dir(out: Path | None, scenario: "Scenario") -> Path:
    """Where all shards play, or one of them. Raises InvalidInput where they could not agree on who is a member."""
    if out is None:
        raise InvalidInput(
            "--shard needs --out: the folder that all shards share, or one for each if split_key is pinned"
        )
    if scenario.split_key is None and not (out / SCENARIO).exists():
        complain(
            f"notice: all shards must be given this very {out}, on a disk that they share, lest each deal other "
            "members; for folders of their own, pin split_key"
        )
    return out


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
    from leakdrill.referee.pacing import Stopped

    before = signal.signal(signal.SIGTERM, signal.default_int_handler)  # a container is stopped by it
    try:
        yield
    except Stopped as stopped:
        complain(f"{stopped}; resume with: leakdrill resume {run_dir}")
        raise typer.Exit(EXIT_CODES["undecided"]) from None
    except KeyboardInterrupt:
        can_resume = (run_dir / SCENARIO).exists()
        went_on = f"resume with: leakdrill resume {run_dir}" if can_resume else "nothing was played"
        complain(f"interrupted; {went_on}")
        raise typer.Exit(INTERRUPTED) from None
    finally:
        signal.signal(signal.SIGTERM, before)
