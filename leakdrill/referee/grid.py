"""Running a scenario: one drill, or one for every cell of its grid, on as many processes as are wanted."""

import json
from dataclasses import dataclass
from pathlib import Path

from leakdrill.errors import ScenarioError
from leakdrill.referee import clause
from leakdrill.referee.cells import found_in, play_cell
from leakdrill.referee.console import Observer
from leakdrill.referee.countdown import Countdown
from leakdrill.referee.drill import Drill
from leakdrill.referee.jobs import play_in_jobs
from leakdrill.referee.on_ray import play_on_ray
from leakdrill.referee.remote_parties import Parties
from leakdrill.referee.truth import fresh_split_key, settle_split_key
from leakdrill.results import Results
from leakdrill.runs.rows import write_csv
from leakdrill.scenario.grid import Cell, Grid, expand, why_skipped
from leakdrill.scenario.loading import Loaded
from leakdrill.scenario.schema import Scenario

SWEEP = "sweep.json"


@dataclass(frozen=True)
class Schedule:
    """Where the cells of a grid are played: on `jobs` local processes, or on Ray; and which of them, in a job array."""

    jobs: int = 1
    ray: str | None = None  # "local", "auto" or a cluster's address
    shard: tuple[int, int] | None = None  # the second of eight: (2, 8)

    @property
    def seats(self) -> list[str]:
        """Where the parties of each job have their homes. No two shards share any."""
        prefix = "{}of{}-".format(*self.shard) if self.shard else ""
        return [f"{prefix}{number}" for number in range(1, self.jobs + 1)]

    def share(self, cells: list[Cell]) -> list[Cell]:
        """Every N-th of them."""
        number, num_shards = self.shard or (1, 1)
        return cells[number - 1 :: num_shards]


HERE = Schedule()


def run_scenario(
    loaded: Loaded, run_dir: Path, observer: Observer, parties: Parties | None = None, schedule: Schedule = HERE
) -> Results | list[Results]:
    """Play a scenario in `run_dir`; a list of results, in the order of the cells, if it has a grid.

    `parties`: running ones, with which a grid's cells are played in turn; without any, local processes are started.
    """
    if loaded.scenario.grid:
        return _run_grid(loaded.scenario, run_dir, observer, parties, schedule)
    with Drill(loaded.scenario, out=run_dir, observer=observer, parties=parties) as drill:
        return drill.run()


def resume_run(
    run_dir: Path, observer: Observer, parties: Parties | None = None, schedule: Schedule = HERE
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
    grid = plan(scenario)
    split_key = _open_sweep(scenario, grid, run_dir)
    cells = schedule.share(grid.cells)
    missing = [cell for cell in cells if (found := found_in(run_dir, cell)) is None or found.verdict == "broken"]
    for line in why_skipped(grid):
        observer.note(line)
    countdown = Countdown(len(cells), len(cells) - len(missing))
    if given is not None:
        _play_in_turn(missing, run_dir, split_key, given, observer, countdown)
    elif schedule.ray:
        play_on_ray(missing, run_dir, schedule.ray, schedule.jobs, observer, countdown)
    else:
        play_in_jobs(missing, run_dir, schedule.seats, observer, countdown)
    return _close_sweep(cells, run_dir)


def _open_sweep(scenario: Scenario, grid: Grid, run_dir: Path) -> str:
    """Writes down what is to be played, the same from every shard; the split key that they share."""
    recorded = run_dir / "scenario.json"
    if recorded.exists() and Scenario.model_validate_json(recorded.read_text()) != scenario:
        raise ScenarioError(f"{run_dir} holds a run of another scenario, or of other settings: name another --out")
    split_key = settle_split_key(run_dir / "truth", scenario.split_key or fresh_split_key())
    sweep = {
        "axes": list(scenario.grid),
        "cells": [{"name": cell.name, "labels": cell.labels} for cell in grid.cells],
        "skipped": [{"labels": skipped.labels, "reason": skipped.reason} for skipped in grid.skipped],
    }
    (run_dir / SWEEP).write_text(json.dumps(sweep, indent=2))
    recorded.write_text(scenario.model_dump_json(indent=2))
    return split_key


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
