"""Folders of runs, as leakdrill run leaves them, without a drill."""

from collections.abc import Callable
from pathlib import Path

import pytest

from leakdrill.runs.reading import cells_of
from tests.cli.conftest import finished, write_run

__all__ = ["WriteRun", "finished", "grid", "write_run"]

WriteRun = Callable[..., Path]


@pytest.fixture
def grid(tmp_path: Path, write_run: WriteRun) -> Path:
    """The folder of a finished grid of two cells."""
    axes = {"before.shadow_size": [50, 100], "cbig.source_model.fit": [{"epochs": 3}]}
    run_dir = write_run(tmp_path / "runs" / "grid", grid=axes)
    (run_dir / "results.json").unlink()
    for cell in cells_of(run_dir):
        write_run(cell)
    return run_dir
