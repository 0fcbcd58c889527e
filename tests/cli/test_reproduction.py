from collections.abc import Callable
from pathlib import Path
from typing import Any

from typer.testing import Result

from leakdrill.results import Results

Shell = Callable[..., Result]


def test_reproduce_plays_the_recorded_scenario_with_the_recorded_members(
    leakdrill: Shell, finished: Path, tmp_path: Path, drills: Any
) -> None:
    answer = leakdrill("reproduce", finished, "--out", tmp_path / "again")
    assert answer.exit_code == 0, answer.stderr
    (drill,) = drills.made
    assert drill.given["split_key"] == "5ecret"
    assert drill.scenario.question == "Does anything leak?"
    assert drill.out == tmp_path / "again"
    assert "identical" in answer.stdout


def test_reproduce_lists_every_figure_that_differs(
    leakdrill: Shell, finished: Path, tmp_path: Path, drills: Any, results: Results
) -> None:
    drills.results = results.model_copy(update={"verdict": "undecided"})
    answer = leakdrill("reproduce", finished, "--out", tmp_path / "again")
    assert answer.exit_code == 1
    (line,) = [line for line in answer.stdout.splitlines() if "verdict" in line]
    assert "met" in line
    assert "undecided" in line
    assert "1 of" in answer.stdout


def test_the_new_folder_of_a_grid_can_be_shown_as_the_old_one_can(
    leakdrill: Shell, tmp_path: Path, write_run: Callable[..., Path], drills: Any
) -> None:
    sweep = write_run(tmp_path / "sweep", grid={"seed": [1, 2]})
    (sweep / "results.json").unlink()
    write_run(sweep / "cells" / "1-seed=1")
    never_dealt = write_run(sweep / "cells" / "2-seed=2")
    (never_dealt / "scenario.json").unlink()
    answer = leakdrill("reproduce", sweep, "--out", tmp_path / "again")
    assert answer.exit_code == 0, answer.stderr
    assert [drill.out for drill in drills.made] == [tmp_path / "again" / "cells" / "1-seed=1"]
    write_run(tmp_path / "again" / "cells" / "1-seed=1")  # as a real drill would have
    shown = leakdrill("show", tmp_path / "again")
    assert "1 of 2 cells are yet to be played" in shown.stdout


def test_reproduce_needs_the_truth(leakdrill: Shell, finished: Path, drills: Any) -> None:
    (finished / "truth" / "split_key").unlink()
    answer = leakdrill("reproduce", finished)
    assert answer.exit_code == 2
    assert "split_key" in answer.stderr
    assert not drills.made
