"""How far a run is, from its folder alone: whether somebody plays it, which step it is at, and what to do next."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from leakdrill.errors import NotFound
from leakdrill.referee.journal import JUDGED, PLAYING, SKIPPED, STOPPED, Entry, asked, read
from leakdrill.results import Results
from leakdrill.runs.reading import RESULTS, cells_of, is_run, recorded_settings
from leakdrill.runs.running import is_alive

JOURNAL = "journal.jsonl"
State = Literal["running", "finished", "stopped", "broken", "interrupted", "not begun"]


@dataclass(frozen=True)
class Step:
    """One step of a timeline. `state` is done, running, interrupted or to come."""

    number: int  # from 1
    name: str
    state: Literal["done", "running", "interrupted", "to come"]


@dataclass(frozen=True)
class RunState:
    """`began` and `ended` (the last that was heard of it) are None before the first entry of its journal."""

    folder: Path
    state: State
    verdict: str | None
    steps: list[Step]
    asked: dict[str, int]  # examples, by model, by the attacks that have ended
    asked_in_folds: dict[str, int]  # of these, by attacks whose folds have a budget each
    budget: int
    began: datetime | None
    ended: datetime | None
    cells: tuple[int, int] | None = None  # of a grid: how many are finished, of how many

    @property
    def seconds(self) -> float:
        """From the first that is heard of it to the last, or to now while it runs; pauses between are in it."""
        if self.began is None or self.ended is None:
            return 0.0
        return ((datetime.now(UTC) if self.state == "running" else self.ended) - self.began).total_seconds()

    @property
    def next(self) -> str:
        """What a person would do now."""
        resume = f"leakdrill resume {self.folder}"
        match self.state:
            case "running":
                return "wait, or stop it with Ctrl-C where it runs; it can be resumed"
            case "finished":
                return f"leakdrill show {self.folder}, or try something else from a step on: {resume} --from STEP"
            case "broken":
                return f"mend what broke it, then {resume}"
            case _:
                return resume


def state_of(run_dir: Path) -> RunState:
    """Raises NotFound for a folder without a run."""
    scenario = recorded_settings(run_dir)
    if scenario.get("grid"):
        return _of_grid(run_dir)
    entries = read(run_dir / JOURNAL) if (run_dir / JOURNAL).exists() else []
    results = _results(run_dir)
    state = _state(entries, is_alive(run_dir))
    return RunState(
        run_dir,
        state,
        results.verdict if results and state in ("finished", "broken") else None,
        _steps(scenario.get("timeline", []), entries, state),
        asked(entries),
        asked(entries, in_folds=True),
        int(scenario.get("adversary", {}).get("query_budget", 0)),
        *_times(entries),
    )


def find_runs(folder: Path) -> list[Path]:
    """The runs in a folder, the last begun first; cells of grids are not among them."""
    found = [path for path in folder.iterdir() if is_run(path)] if folder.is_dir() else []
    if not found:
        raise NotFound(f"no runs in {folder}: name the folder that they are in, such as runs")
    return sorted(found, key=lambda path: (path / "scenario.json").stat().st_mtime, reverse=True)


def _of_grid(run_dir: Path) -> RunState:
    try:
        cells = [state_of(cell) for cell in cells_of(run_dir) if is_run(cell)]
        total = len(cells_of(run_dir))
    except NotFound:
        cells, total = [], 0
    finished = [cell for cell in cells if cell.state == "finished"]
    began, ended = [c.began for c in cells if c.began], [c.ended for c in cells if c.ended]
    if any(cell.state == "running" for cell in cells):
        state: State = "running"
    elif total and len(finished) == total:
        state = "finished"
    else:
        state = "interrupted" if cells else "not begun"
    verdicts = Counter(cell.verdict for cell in cells if cell.verdict)
    verdict = ", ".join(f"{count} {name}" for name, count in verdicts.most_common()) or None
    of_cells, in_folds = Counter[str](), Counter[str]()
    for cell in cells:
        of_cells.update(cell.asked)
        in_folds.update(cell.asked_in_folds)
    return RunState(
        run_dir,
        state,
        verdict,
        [],
        dict(of_cells),
        dict(in_folds),
        0,
        min(began, default=None),
        max(ended, default=None),
        (len(finished), total),
    )


def _state(entries: Sequence[Entry], alive: bool) -> State:
    if alive:
        return "running"
    last = next((entry for entry in reversed(entries) if entry.event in (JUDGED, STOPPED, PLAYING)), None)
    if last is None:
        return "interrupted" if entries else "not begun"
    if last.event == JUDGED:
        return "broken" if last.fields.get("verdict") == "broken" else "finished"
    return "stopped" if last.event == STOPPED else "interrupted"


def _steps(timeline: Sequence[dict[str, Any]], entries: Sequence[Entry], state: State) -> list[Step]:
    """By the last time that the timeline was played: it is played from its start whenever a run goes on."""
    at = 0
    for entry in entries:
        if entry.event in (PLAYING, STOPPED):
            at = int(entry.fields["number"])
        if entry.event == SKIPPED:
            at = min(at, len(timeline))
    is_over = state == "finished"
    steps = []
    for number, step in enumerate(timeline, start=1):
        if is_over or number < at:
            steps.append(Step(number, _name(step), "done"))
        elif number == at and state in ("running", "interrupted", "broken"):
            steps.append(Step(number, _name(step), "running" if state == "running" else "interrupted"))
        else:
            steps.append(Step(number, _name(step), "to come"))
    return steps


def _name(step: dict[str, Any]) -> str:
    attack = step.get("attack") or {}
    return str(attack.get("name") or attack.get("kind") or step.get("step"))


def _times(entries: Sequence[Entry]) -> tuple[datetime | None, datetime | None]:
    times = [datetime.fromisoformat(entry.time) for entry in entries]
    return (times[0], times[-1]) if times else (None, None)


def _results(run_dir: Path) -> Results | None:
    path = run_dir / RESULTS
    return Results.model_validate_json(path.read_text()) if path.is_file() else None
