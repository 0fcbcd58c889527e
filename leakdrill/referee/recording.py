"""What a sweep writes down when it begins: its scenario and its cells, once, the same for all who play them.

Shards that begin at once do not see each other, and jobs and reports read while others write. So a file is there whole
or not at all, and what is there stays. As a scenario can pin its split key, its owner alone may read it.
"""

from pathlib import Path

from leakdrill import whole
from leakdrill.errors import NotFound, ScenarioError
from leakdrill.runs.reading import SCENARIO, recorded_sweep
from leakdrill.runs.sweep import SWEEP, CellRecord, SkipRecord, SweepRecord
from leakdrill.scenario.grid import Cell, Grid, Skipped
from leakdrill.scenario.loading import validate
from leakdrill.scenario.schema import Scenario


def settle_scenario(run_dir: Path, scenario: Scenario) -> None:
    """Raises ScenarioError if the folder is that of another."""
    recorded = settled(run_dir / SCENARIO, scenario.model_dump_json(indent=2))
    if Scenario.model_validate_json(recorded) != scenario:
        raise ScenarioError(f"{run_dir} holds a run of another scenario, or of other settings: name another --out")


def settle_sweep(run_dir: Path, grid: Grid) -> None:
    """The cells of `grid`, unless some are recorded."""
    record = SweepRecord(
        cells=[
            CellRecord(name=cell.name, labels=cell.labels, scenario=cell.scenario.model_dump(mode="json"))
            for cell in grid.cells
        ],
        skipped=[SkipRecord(labels=skipped.labels, reason=skipped.reason) for skipped in grid.skipped],
    )
    settled(run_dir / SWEEP, record.model_dump_json(indent=2))


def recorded_grid(run_dir: Path) -> Grid:
    """What was settled. Raises ScenarioError for a cell that this version cannot play."""
    sweep = recorded_sweep(run_dir)
    return Grid([_to_play(cell) for cell in sweep.cells], [Skipped(each.labels, each.reason) for each in sweep.skipped])


def recorded_cell(run_dir: Path, name: str) -> Cell:
    """One of them. Raises NotFound if there is none of that name."""
    for cell in recorded_sweep(run_dir).cells:
        if cell.name == name:
            return _to_play(cell)
    raise NotFound(f"{run_dir / SWEEP} has no cell {name!r}")


def settled(path: Path, text: str) -> str:
    """What the file says, which from now on is `text` if nothing is there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return whole.settle(path, text.encode(), whole.PRIVATE).decode()


def _to_play(cell: CellRecord) -> Cell:
    return Cell(cell.name, cell.labels, validate(cell.scenario, f"{SWEEP}: cell {cell.name}"))
