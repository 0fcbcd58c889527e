"""Many runs as one table of pandas."""

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from leakdrill.errors import InvalidInput, LeakdrillError, NotFound
from leakdrill.runs.reading import is_run
from leakdrill.runs.rows import Row, columns_of, rows_of

if TYPE_CHECKING:
    import pandas

log = logging.getLogger(__name__)


def load_runs(folder: Path | str = "runs") -> "pandas.DataFrame":
    """All finished runs in a folder, or those of one run's folder: a row for each metric of each attack and model.

    Columns are `leakdrill.runs.rows.COLUMNS` and what grids set, by its dotted key. Runs that are not finished, or that
    another version of leakdrill wrote, are left out with a warning. Raises NotFound when there is no run at all, and
    InvalidInput where pandas is not installed.

    >>> load_runs("runs").query("part == 'attack' and metric == 'auc'").pivot_table("value", "name", "seed")
    """
    try:
        import pandas
    except ImportError as error:
        raise InvalidInput(
            "load_runs needs pandas: pip install 'leakdrill[analysis]'. Without it, each run has its results.csv"
        ) from error
    rows = _rows(Path(folder))
    return pandas.DataFrame(rows, columns=columns_of(rows))


def _rows(folder: Path) -> list[Row]:
    if is_run(folder):
        return rows_of(folder)
    runs = [path for path in sorted(folder.iterdir()) if is_run(path)] if folder.is_dir() else []
    if not runs:
        raise NotFound(f"no run in {folder}: wanted a folder of runs, such as runs, or that of one run")
    found: list[Row] = []
    for run in runs:
        try:
            found += rows_of(run)
        except LeakdrillError as error:
            log.warning("left out: %s", error)
    return found
