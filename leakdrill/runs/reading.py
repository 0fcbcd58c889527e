"""What a run has left in its folder: its results, its scenario, and what decided who is a member."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError

from leakdrill.errors import InvalidInput, NotFound
from leakdrill.results import Results
from leakdrill.runs.sweep import SWEEP, SweepRecord

if TYPE_CHECKING:
    from leakdrill.scenario.schema import Scenario

RESULTS = "results.json"
SCENARIO = "scenario.json"
CELLS = "cells"

T = TypeVar("T", bound=BaseModel)


def is_run(folder: Path) -> bool:
    """Whether leakdrill run has begun one there."""
    return (folder / SCENARIO).is_file()


def cells_of(run_dir: Path) -> dict[Path, dict[str, Any]]:
    """The folders of a grid's cells, finished or not, and what each sets; nothing for a single drill."""
    return {run_dir / CELLS / cell.name: cell.labels for cell in recorded_sweep(run_dir).cells}


def recorded_sweep(run_dir: Path) -> SweepRecord:
    """The cells of a grid, finished or not. Raises NotFound for a grid of which none were written down."""
    if not recorded_settings(run_dir).get("grid"):
        return SweepRecord()
    if not (run_dir / SWEEP).exists():
        raise NotFound(f"{run_dir} has a grid, but no {SWEEP} to say what its cells are: leakdrill resume {run_dir}")
    return _read(run_dir / SWEEP, SweepRecord)


def recorded_settings(run_dir: Path) -> dict[str, Any]:
    """The scenario of a run as it stands there, for reading: nothing that it names is imported.

    Raises NotFound for a folder without one, InvalidInput for one that is no mapping.
    """
    path = run_dir / SCENARIO
    if not path.is_file():
        raise NotFound(f"no run in {run_dir}: wanted a folder that leakdrill run has written {SCENARIO} to")
    try:
        return TypeAdapter(dict[str, Any]).validate_json(path.read_bytes())
    except ValidationError as error:
        raise InvalidInput(f"{path} is no scenario: {error.errors()[0]['msg']}") from error


def finished_drills(run_dir: Path) -> list[tuple[Path, Results]]:
    """The folder and results of a run's one drill, or, of a grid, of every cell that was finished, in order.

    Raises NotFound when there is none.
    """
    paths = sorted((run_dir / CELLS).glob(f"*/{RESULTS}")) or sorted(run_dir.glob(RESULTS))
    if not paths:
        hint = f"go on with it by leakdrill resume {run_dir}" if (run_dir / SCENARIO).exists() else "no run began there"
        raise NotFound(f"no finished run in {run_dir}: {hint}")
    return [(path.parent, _read(path, Results)) for path in paths]


def recorded_scenario(run_dir: Path) -> "Scenario":
    """The scenario of a run, finished or not, to be played: plug-ins that it names are imported.

    Raises NotFound for a folder without one.
    """
    from leakdrill.scenario.schema import Scenario

    recorded_settings(run_dir)
    return _read(run_dir / SCENARIO, Scenario)


def recorded_split_key(run_dir: Path) -> str:
    """What decided who is a member. Raises NotFound when the run came without its truth."""
    from leakdrill.referee.truth import load_split_key

    truth = run_dir / "truth"
    if not (truth / "split_key").exists():
        raise NotFound(f"{truth} has no split_key: without it nobody can deal the same members again")
    return load_split_key(truth)


def _read(path: Path, model: type[T]) -> T:
    """Raises InvalidInput for what this version of leakdrill did not write."""
    try:
        return model.model_validate_json(path.read_text())
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        raise InvalidInput(f"{path} was not written by this version of leakdrill: {where}: {first['msg']}") from error
