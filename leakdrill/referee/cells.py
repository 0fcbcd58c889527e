"""One cell of a grid: played, or gone on with, in a folder of its own, whoever plays it and with which parties."""

from pathlib import Path

from leakdrill import whole
from leakdrill.errors import LeakdrillError, PartyUnavailable
from leakdrill.locks import locked
from leakdrill.referee.console import Observer
from leakdrill.referee.drill import Drill
from leakdrill.referee.environment import environment
from leakdrill.referee.local import LocalParties
from leakdrill.referee.remote_parties import Parties
from leakdrill.results import Results
from leakdrill.runs.reading import CELLS, RESULTS
from leakdrill.scenario.grid import Cell

MODELS = "models"


def local_parties(run_dir: Path, seat: str | None = None) -> LocalParties:
    """Parties for the cells of a sweep, in the seat of that name, whose models are shared with those in other seats."""
    return LocalParties(run_dir / "seats" / seat if seat else run_dir, models=run_dir / MODELS)


def play_cell(cell: Cell, run_dir: Path, split_key: str, parties: Parties, observer: Observer) -> Results:
    """What the cell finds, or found before. A fault is a result too (`broken`): it does not stop the others.

    Who comes while another process plays the cell waits, and takes what it found.
    """
    cell_dir = run_dir / CELLS / cell.name
    with locked(cell_dir / "lock"):
        if (found := found_in(run_dir, cell)) and found.verdict != "broken":
            return found
        try:
            if (cell_dir / "journal.jsonl").exists():
                drill = Drill.resume(cell_dir, observer, parties)
            else:
                drill = Drill(cell.scenario, out=cell_dir, observer=observer, parties=parties, split_key=split_key)
            with drill:
                return drill.run()
        except LeakdrillError as error:
            return broken(cell, run_dir, error)


def found_in(run_dir: Path, cell: Cell) -> Results | None:
    """The results of a cell that was played, broken or not; None if it is yet to be."""
    path = run_dir / CELLS / cell.name / RESULTS
    return Results.model_validate_json(path.read_text()) if path.exists() else None


def broken(cell: Cell, run_dir: Path, error: LeakdrillError) -> Results:
    """Writes, and returns, that the cell came to nothing."""
    results = Results(
        scenario=cell.scenario.model_dump(mode="json"),
        verdict="broken",
        error=str(error),
        models={},
        breaches=[],
        baseline=None,
        attacks=[],
        expectations=[],
        environment=environment(),
        seconds={},
    )
    folder = run_dir / CELLS / cell.name
    folder.mkdir(parents=True, exist_ok=True)
    whole.write(folder / RESULTS, results.model_dump_json(indent=2).encode())
    return results


def revive(parties: Parties) -> None:
    """Local parties of which one has died are started anew. Raises PartyUnavailable for those that we cannot start."""
    try:
        parties.check()
    except PartyUnavailable:
        if not isinstance(parties, LocalParties):
            raise
        parties.stop()
        parties.start()
