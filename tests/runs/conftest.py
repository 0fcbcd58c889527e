"""Folders of runs, as leakdrill run leaves them, without a drill."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from leakdrill.referee.recording import settle_sweep
from leakdrill.results import Results
from leakdrill.runs.reading import cells_of
from leakdrill.scenario.grid import expand
from leakdrill.scenario.safe_yaml import parse_yaml
from leakdrill.scenario.schema import Scenario
from tests.cli.conftest import SCENARIO

WriteRun = Callable[..., Path]


@pytest.fixture
def write_run(results: Results) -> WriteRun:
    """Writes the folder of a finished run; keywords are further keys of its scenario."""

    def write(run_dir: Path, **keys: Any) -> Path:
        recorded = parse_yaml(SCENARIO, origin="the test's scenario")
        assert isinstance(recorded, dict)
        (run_dir / "truth").mkdir(parents=True)
        (run_dir / "truth" / "split_key").write_text("5ecret")
        (run_dir / "scenario.json").write_text(json.dumps(recorded | keys))
        (run_dir / "results.json").write_text(results.model_dump_json())
        if "grid" in keys:
            settle_sweep(run_dir, expand(Scenario.model_validate(recorded | keys)))
        return run_dir

    return write


@pytest.fixture
def finished(tmp_path: Path, write_run: WriteRun) -> Path:
    return write_run(tmp_path / "run")


@pytest.fixture
def grid(tmp_path: Path, write_run: WriteRun) -> Path:
    """The folder of a finished grid of two cells."""
    axes = {"before.shadow_size": [50, 100], "cbig.source_model.fit": [{"epochs": 3}]}
    run_dir = write_run(tmp_path / "runs" / "grid", grid=axes)
    (run_dir / "results.json").unlink()
    for cell in cells_of(run_dir):
        write_run(cell)
    return run_dir
