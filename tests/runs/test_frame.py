import logging
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import leakdrill
from leakdrill.errors import InvalidInput, NotFound
from leakdrill.runs.rows import COLUMNS


def test_many_runs_are_one_table(tmp_path: Path, grid: Path, write_run: Callable[..., Path]) -> None:
    pytest.importorskip("pandas")
    write_run(grid.parent / "another-20260101-120000")
    table = leakdrill.load_runs(grid.parent)
    assert list(table.columns) == [*COLUMNS, "before.shadow_size", "cbig.source_model.fit"]
    aucs = table.query("part == 'attack' and metric == 'auc' and name == 'after'")
    assert list(aucs["scenario"]) == ["another", "grid", "grid"]
    assert aucs["value"].mean() == pytest.approx(0.703)
    assert len(leakdrill.load_runs(grid)) == len(table) * 2 / 3  # the folder of one run will do


def test_runs_that_cannot_be_read_are_left_out_and_named(
    tmp_path: Path, write_run: Callable[..., Path], caplog: pytest.LogCaptureFixture
) -> None:
    pytest.importorskip("pandas")
    whole, unfinished, foreign = (write_run(tmp_path / name) for name in ("whole", "unfinished", "foreign"))
    (unfinished / "results.json").unlink()
    (foreign / "results.json").write_text('{"verdict": "splendid"}')
    with caplog.at_level(logging.WARNING):
        table = leakdrill.load_runs(str(tmp_path))
    assert set(table["run"]) == {whole.name}
    assert f"leakdrill resume {unfinished}" in caplog.text
    assert f"{foreign / 'results.json'} was not written by this version" in caplog.text


def test_a_folder_without_runs_is_no_empty_table(tmp_path: Path) -> None:
    pytest.importorskip("pandas")
    for folder in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(NotFound, match="no run in"):
            leakdrill.load_runs(folder)


def test_without_pandas_one_is_told_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(InvalidInput, match=r"pip install 'leakdrill\[analysis\]'"):
        leakdrill.load_runs(tmp_path)
