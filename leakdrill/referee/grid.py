"""Running a scenario: one drill, or one for every cell of its grid, on as many processes as are wanted."""

from pathlib import Path

from leakdrill.referee import clause
from leakdrill.referee.cells import found_in, play_cell
from leakdrill.referee.console import Observer
from leakdrill.referee.countdown import Countdown
from leakdrill.referee.drill import Drill
from leakdrill.referee.jobs import play_in_jobs
from leakdrill.referee.on_ray import play_on_ray
from leakdrill.referee.recording import recorded_grid, settle_scenario, settle_sweep
from leakdrill.referee.remote_parties import Parties
from leakdrill.referee.schedule import IN_TURN, Schedule
from leakdrill.referee.truth import fresh_split_key, settle_split_key
from leakdrill.results import Results
from leakdrill.runs.rows import write_csv
from leakdrill.runs.sweep import SWEEP
from leakdrill.scenario.grid import Cell, Grid, expand, why_skipped
from leakdrill.scenario.loading import Loaded
from leakdrill.scenario.schema import Scenario


def run_scenario(
    loaded: Loaded, run_dir: Path, observer: Observer, parties: Parties | None = None, schedule: Schedule = IN_TURN
) -> Results | list[Results]:
    """Play a scenario in `run_dir`; a list of results, in the order of the cells, if it has a grid.

    `parties`: running ones, with which a grid's cells are played in turn; without any, local processes are started.
    """
    if loaded.scenario.grid:
        return _run_grid(loaded.scenario, run_dir, observer, parties, schedule)
    with Drill(loaded.scenario, out=run_dir, observer=observer, parties=parties) as drill:
        return drill.run()


def resume_run(
    run_dir: Path, observer: Observer, parties: Parties | None = None, schedule: Schedule = IN_TURN
) -> Results | list[Results]:
    """Go on with a run that was stopped. A finished drill is judged again from what it left."""
    scenario = Scenario.model_validate_json((run_dir / "scenario.json").read_text())
    if scenario.grid:
        return _run_grid(scenario, run_dir, observer, parties, schedule)
    with Drill.resume(run_dir, observer, parties) as drill:
        return drill.run()


def plan(scenario: Scenario) -> Grid:
    """The cells of a scenario. Raises ScenarioError, before the first is played, for a claim that none can decide."""
    grid = expand(scenario)
    for cell in grid.cells:
        clause.validate(cell.scenario)
    return grid


def _run_grid(
    scenario: Scenario, run_dir: Path, observer: Observer, given: Parties | None, schedule: Schedule
) -> list[Results]:
    """Every cell that has no results yet. Members are the same in all cells, so that cells can be compared."""
    split_key, grid = _open_sweep(scenario, run_dir, schedule)
    cells = schedule.share(grid.cells)
    missing = [cell for cell in cells if (found := found_in(run_dir, cell)) is None or found.verdict == "broken"]
    for line in why_skipped(grid):
        observer.note(line)
    countdown = Countdown(len(cells), len(cells) - len(missing))
    if given is not None:
        _play_in_turn(missing, run_dir, split_key, given, observer, countdown)
    elif schedule.ray:
        play_on_ray(missing, run_dir, schedule, observer, countdown)
    else:
        play_in_jobs(missing, run_dir, schedule, observer, countdown)
    return _close_sweep(cells, run_dir)


def _open_sweep(scenario: Scenario, run_dir: Path, schedule: Schedule) -> tuple[str, Grid]:
    """The split key and the cells, from now on the same from every shard and in every version of leakdrill."""
    planned = None if (run_dir / SWEEP).exists() else plan(scenario)
    if planned:
        schedule.share(planned.cells)  # or say that there are too few, before anything is written
    split_key = settle_split_key(run_dir / "truth", scenario.split_key or fresh_split_key())
    settle_scenario(run_dir, scenario)
    if planned:
        settle_sweep(run_dir, planned)
    return split_key, recorded_grid(run_dir)


def _close_sweep(cells: list[Cell], run_dir: Path) -> list[Results]:
    """What is made of all that the sweep has found, by every shard as it ends."""
    write_csv(run_dir)
    return [found for cell in cells if (found := found_in(run_dir, cell))]


def _play_in_turn(
    cells: list[Cell], run_dir: Path, split_key: str, parties: Parties, observer: Observer, countdown: Countdown
) -> None:
    """With parties that somebody else started, and who can start them again."""
    parties.check()
    for cell in cells:
        observer.note(f"cell {cell.name}: {countdown}")
        play_cell(cell, run_dir, split_key, parties, observer)
        countdown.count()
        parties.check()
