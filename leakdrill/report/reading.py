"""A run or a sweep as its folder has it, with what is missing named: a drill may have been stopped at any moment."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from leakdrill.errors import InvalidInput, NotFound
from leakdrill.metrics import Judged
from leakdrill.referee import journal
from leakdrill.referee.truth import Truth
from leakdrill.report.labels import words
from leakdrill.results import AttackResult, Results, without_split_key
from leakdrill.runs.reading import CELLS, RESULTS, SCENARIO, recorded_sweep
from leakdrill.runs.scored import read_scored, read_truth, repeats_of

JOURNAL = "journal.jsonl"


@dataclass(frozen=True)
class Run:
    """One drill. `judged` has, by attack, what can be drawn: its scores and decisions beside the truth.

    `scenario` is without its split key, as a report is for people who may not know it.
    """

    folder: Path
    scenario: dict[str, Any]
    results: Results | None
    entries: list[journal.Entry]
    truth: Truth | None
    judged: dict[str, Judged]
    positions: dict[str, NDArray[np.int64]]  # by attack: where in the challenge what was judged stands
    missing: list[str] = field(default_factory=list)  # whole sentences
    by_photo: dict[str, Judged] = field(default_factory=dict)  # of what was judged by whole people, each photo's score

    @property
    def is_damaged(self) -> bool:
        """Whether there are results, which cannot be read."""
        return self.results is None and (self.folder / RESULTS).is_file()

    @property
    def attacks(self) -> list[AttackResult]:
        return self.results.attacks if self.results else []


@dataclass(frozen=True)
class Cell:
    """One combination of a grid: its value on each axis, and its run, or None if it was not begun."""

    name: str
    labels: dict[str, str]
    run: Run | None


@dataclass(frozen=True)
class Sweep:
    folder: Path
    scenario: dict[str, Any]
    cells: list[Cell]
    skipped: list[tuple[dict[str, str], str]]  # combinations that cannot be played, and why not
    missing: list[str] = field(default_factory=list)


def is_sweep(run_dir: Path) -> bool:
    return bool(_scenario(run_dir).get("grid"))


def cell_folders(run_dir: Path) -> list[Path]:
    """Of the cells that were begun; one that broke before its scenario was written has results alone."""
    return sorted({path.parent for name in (SCENARIO, RESULTS) for path in run_dir.glob(f"{CELLS}/*/{name}")})


def read_sweep(run_dir: Path) -> Sweep:
    """Raises NotFound for a folder without a scenario."""
    scenario = _scenario(run_dir)
    begun = {folder.name: read_run(folder) for folder in cell_folders(run_dir)}
    missing: list[str] = []
    try:
        sweep = recorded_sweep(run_dir)
        said = words([cell.labels for cell in sweep.cells] + [each.labels for each in sweep.skipped])
        cells = [Cell(cell.name, each, begun.get(cell.name)) for cell, each in zip(sweep.cells, said, strict=False)]
        skipped = [(each, one.reason) for one, each in zip(sweep.skipped, said[len(cells) :], strict=True)]
    except (NotFound, InvalidInput) as error:  # what was played is there all the same
        missing.append(f"What the cells are cannot be read, so they go by their folders: {error}")
        cells, skipped = [Cell(name, {"cell": name}, run) for name, run in begun.items()], []
    if left := sum(cell.run is None or cell.run.results is None for cell in cells):
        missing.append(f"{left} of {len(cells)} cells are yet to be played: leakdrill resume {run_dir}")
    return Sweep(run_dir, without_split_key(scenario), cells, skipped, missing)


def read_run(run_dir: Path) -> Run:
    """Raises NotFound for a folder without a scenario; whatever else is not there, or damaged, is listed as missing."""
    missing: list[str] = []
    results = _results(run_dir, missing)
    scenario = results.scenario if results and not (run_dir / SCENARIO).is_file() else _scenario(run_dir)
    entries = _entries(run_dir, missing)
    truth = _truth(run_dir, missing)
    scored, kept, by_photo = _judged(run_dir, scenario, results, entries, truth, missing)
    return Run(run_dir, without_split_key(scenario), results, entries, truth, scored, kept, missing, by_photo)


def _scenario(run_dir: Path) -> dict[str, Any]:
    path = run_dir / SCENARIO
    if not path.is_file():
        raise NotFound(f"no run in {run_dir}: wanted a folder that leakdrill run has written {SCENARIO} to")
    try:
        scenario = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InvalidInput(f"{path} is no JSON ({error}): without its scenario a run cannot be reported on") from error
    if not isinstance(scenario, dict):
        raise InvalidInput(f"{path} holds no mapping: without its scenario a run cannot be reported on")
    return scenario


def _results(run_dir: Path, missing: list[str]) -> Results | None:
    path = run_dir / RESULTS
    if not path.is_file():
        missing.append(
            f"There is no {RESULTS}: the drill was not played to its end, so nothing was judged. "
            f"Go on with it: leakdrill resume {run_dir}"
        )
        return None
    try:
        results = Results.model_validate_json(path.read_text(encoding="utf-8"))
    except (ValidationError, UnicodeDecodeError) as error:
        detail = error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error)
        missing.append(f"{RESULTS} is damaged, or was written by another version of leakdrill: {detail}")
        return None
    if results.error:
        missing.append(f"The drill broke, and what comes after is missing: {results.error}")
    return results


def _entries(run_dir: Path, missing: list[str]) -> list[journal.Entry]:
    path = run_dir / JOURNAL
    if not path.is_file():
        missing.append(f"There is no {JOURNAL}: the timeline has no times.")
        return []
    try:
        return journal.read(path)
    except InvalidInput as error:
        missing.append(f"The journal is damaged, so the timeline has no times: {error}")
        return []


def _truth(run_dir: Path, missing: list[str]) -> Truth | None:
    try:
        return read_truth(run_dir)
    except (NotFound, InvalidInput):
        missing.append("The truth is not there (truth/challenge.npz): no curve, no distribution, nobody named.")
        return None


def _judged(
    run_dir: Path,
    scenario: dict[str, Any],
    results: Results | None,
    entries: list[journal.Entry],
    truth: Truth | None,
    missing: list[str],
) -> tuple[dict[str, Judged], dict[str, NDArray[np.int64]], dict[str, Judged]]:
    """What the referee judged, from the same files: people where whole people are in, without who was left out.

    Then where in the challenge that stands, and, of those judged by people, their photos one by one.
    """
    units = {attack.name: attack.unit for attack in results.attacks} if results else {}
    by_identity = scenario.get("data", {}).get("challenge", {}).get("members_by") == "identity"
    about_attributes = {attack.name for attack in results.attacks if attack.goal == "attribute"} if results else set()
    scored: dict[str, Judged] = {}
    kept: dict[str, NDArray[np.int64]] = {}
    by_photo: dict[str, Judged] = {}
    for name in list(units) or _finished(entries):
        if truth is None or name in about_attributes:  # of which the folder has no truth
            continue
        people = units.get(name, "identity" if by_identity else "example") == "identity"
        try:
            repeats = repeats_of(run_dir, name)
            scored[name], kept[name], _ = read_scored(repeats, truth, people)
            if people:
                by_photo[name] = read_scored(repeats, truth, of_people=False).judged
        except (NotFound, InvalidInput):
            missing.append(f"The scores of {name} are not there, or damaged (scores/{name}-*.npz): it is not drawn.")
    return scored, kept, by_photo


def _finished(entries: list[journal.Entry]) -> list[str]:
    """The attacks of which the journal has a repeat that ended."""
    keys = [str(entry.fields.get("key", "")) for entry in entries if entry.event == journal.STEP_DONE]
    return list(dict.fromkeys(key.split()[1] for key in keys if key.startswith("attack ") and len(key.split()) == 3))
