"""Running a scenario: one drill, or one for every cell of its grid on the same parties, data and caches."""

from pathlib import Path

from leakdrill.referee import clause
from leakdrill.referee.console import Observer
from leakdrill.referee.drill import Drill
from leakdrill.referee.remote_parties import Parties, seated
from leakdrill.referee.truth import fresh_split_key, load_split_key, save_split_key
from leakdrill.results import Results
from leakdrill.runs.rows import write_csv
from leakdrill.scenario.loading import Loaded, expand_grid
from leakdrill.scenario.schema import Scenario
from leakdrill.scenario.threat import check_threat


def run_scenario(
    loaded: Loaded, run_dir: Path, observer: Observer, parties: Parties | None = None
) -> Results | list[Results]:
    """Play a scenario in `run_dir`; a list of results, in the order of the cells, if it has a grid.

    `parties`: running ones; without any, local processes are started.
    """
    if loaded.scenario.grid:
        return _run_grid(loaded.scenario, run_dir, observer, parties)
    with Drill(loaded.scenario, out=run_dir, observer=observer, parties=parties) as drill:
        return drill.run()


def resume_run(run_dir: Path, observer: Observer, parties: Parties | None = None) -> Results | list[Results]:
    """Go on with a run that was stopped. A finished drill is judged again from what it left."""
    scenario = Scenario.model_validate_json((run_dir / "scenario.json").read_text())
    if scenario.grid:
        return _run_grid(scenario, run_dir, observer, parties)
    with Drill.resume(run_dir, observer, parties) as drill:
        return drill.run()


def _run_grid(scenario: Scenario, run_dir: Path, observer: Observer, given: Parties | None) -> list[Results]:
    """Every cell that has no results yet. Members are the same in all cells, so that cells can be compared."""
    truth = run_dir / "truth"
    cells = expand_grid(scenario)
    for cell in cells:  # all of them before the first: the last may be hours away
        check_threat(cell.scenario)
        clause.validate(cell.scenario)
    if not (truth / "split_key").exists():
        save_split_key(truth, scenario.split_key or fresh_split_key())
        (run_dir / "scenario.json").write_text(scenario.model_dump_json(indent=2))
    split_key = load_split_key(truth)
    results = []
    with seated(run_dir, given) as parties:
        for number, cell in enumerate(cells, start=1):
            cell_dir = run_dir / "cells" / cell.name
            if (finished := _finished(cell_dir)) is None:
                observer.note(f"cell {number} of {len(cells)}: {cell.name}")
                if (cell_dir / "journal.jsonl").exists():
                    drill = Drill.resume(cell_dir, observer, parties)
                else:
                    drill = Drill(cell.scenario, out=cell_dir, observer=observer, parties=parties, split_key=split_key)
                with drill:
                    finished = drill.run()
            results.append(finished)
            parties.check()
    write_csv(run_dir)
    return results


def _finished(cell_dir: Path) -> Results | None:
    """The cell's results, unless it is yet to be played or broke."""
    path = cell_dir / "results.json"
    results = Results.model_validate_json(path.read_text()) if path.exists() else None
    return None if results is None or results.verdict == "broken" else results
