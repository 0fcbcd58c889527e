"""The report: one HTML file for people, made from the folder of a run or of a sweep alone, with nothing to load.

Everything that it needs (jinja2, altair, Vega's own code) is imported when a report is written, not before.
"""

from pathlib import Path

from leakdrill import whole

REPORT = "report.html"


def write_report(
    run_dir: Path, out: Path | None = None, include_examples: bool = False, keep_current: bool = False
) -> Path:
    """The report on the run or sweep in `run_dir`, written to `out` (default: report.html in it); says where.

    Of a sweep, every cell that was begun gets its own, too, unless there is an `out`: with `keep_current`, only where
    it has none yet, or has gone on since. A partial run gets a report that says what is missing. With
    `include_examples`, the most exposed examples are shown, where their data set is at hand. Raises NotFound for a
    folder that no run was recorded in.
    """
    from leakdrill.report.pages import run_page, sweep_page
    from leakdrill.report.reading import cell_folders, is_sweep, read_run, read_sweep

    target = out or run_dir / REPORT
    if not is_sweep(run_dir):
        return _written(target, run_page(read_run(run_dir), include_examples))
    if out is None:
        for folder in cell_folders(run_dir):
            if keep_current and _is_current(folder):
                continue
            _written(folder / REPORT, run_page(read_run(folder), include_examples))
    return _written(target, sweep_page(read_sweep(run_dir), has_links=out is None))


def _is_current(cell: Path) -> bool:
    """Whether its report is newer than its results and its journal, which has a last word after them."""
    sources = [path for name in ("results.json", "journal.jsonl") if (path := cell / name).is_file()]
    report = cell / REPORT
    return report.is_file() and all(report.stat().st_mtime_ns >= path.stat().st_mtime_ns for path in sources)


def _written(path: Path, page: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    whole.write(path, page.encode())  # several shards of a sweep may write at once
    return path
