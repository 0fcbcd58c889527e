"""results.json and results.csv: what was found, left in a run's folder for those who read it."""

from pathlib import Path

from leakdrill import whole
from leakdrill.results import Results
from leakdrill.runs.reading import RESULTS
from leakdrill.runs.rows import write_csv


def write_results(run_dir: Path, results: Results) -> None:
    """In place of any that are there; results.json is whole or not there at all."""
    whole.write(run_dir / RESULTS, results.model_dump_json(indent=2).encode())
    write_csv(run_dir)
