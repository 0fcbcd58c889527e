"""What stands in the report of a sweep, read from its HTML."""

import json
import os
import re
import shutil
from pathlib import Path
from urllib.parse import unquote

import pytest
from report_pages import Record, begun, charts, sweep_of, text

from leakdrill.metrics import proportion
from leakdrill.report import frontier, write_report
from leakdrill.report.reading import read_sweep
from leakdrill.results import DefenceResult, FoldsResult, Results


def test_a_sweep_has_a_frontier_a_table_and_a_report_for_each_cell(record: Record, tmp_path: Path) -> None:
    sweep = sweep_of(record, tmp_path / "sweep", ["calm", "loud", "late", "never"])
    late, never = sorted((sweep / "cells").iterdir())[2:]
    (late / "results.json").unlink()
    shutil.rmtree(never)

    page = write_report(sweep)

    words, drawn = text(page), charts(page)
    assert "2 of 4 cells are yet to be played" in words
    assert f"1 cell was not begun {never.name}" in words
    assert set(drawn) == {"frontier-AUC", "frontier-accuracy"}
    assert "0.61" in words  # the AUC of sure: 0.23 + 0.77 / 2, but for the ten
    for link in re.findall(r'href="(cells/[^"]+)"', page.read_text()):
        assert (sweep / unquote(link)).is_file(), link
    assert len(list(sweep.glob("cells/*/report.html"))) == 3


def test_a_sweep_written_elsewhere_leaves_its_folder_alone(record: Record, tmp_path: Path) -> None:
    sweep = sweep_of(record, tmp_path / "sweep", ["calm", "loud"])
    write_report(sweep, out=tmp_path / "elsewhere" / "sweep.html")
    assert not list(sweep.rglob("report.html"))
    page = tmp_path / "elsewhere" / "sweep.html"
    assert "calm" in text(page)
    assert "cells/" not in page.read_text()  # links to what is not there


def test_a_cells_report_is_written_again_only_when_the_cell_has_gone_on(record: Record, tmp_path: Path) -> None:
    sweep = sweep_of(record, tmp_path / "sweep", ["calm", "loud", "late"])
    write_report(sweep)
    calm, loud, late = sorted(sweep.glob("cells/*/report.html"))
    for page in (calm, loud):
        page.write_text("as it was")
    os.utime(loud.with_name("results.json"), ns=(2 * loud.stat().st_mtime_ns,) * 2)
    late.unlink()

    write_report(sweep, keep_current=True)

    assert calm.read_text() == "as it was"
    assert "230 were identified" in text(loud)
    assert late.is_file()
    write_report(sweep)
    assert "230 were identified" in text(calm)


def test_the_strongest_attack_of_a_cell_is_no_control(record: Record, finished: Results, tmp_path: Path) -> None:
    sweep = sweep_of(record, tmp_path / "sweep", ["calm"])
    cell = next((sweep / "cells").iterdir())
    folds = FoldsResult(by="image", aucs=[1.0], mean_auc=1.0, std_auc=0.0)
    coin, sure = finished.attacks
    told_too_much = sure.model_copy(update={"folds": folds})
    shutil.rmtree(cell)
    record(cell, attacks=[coin, told_too_much])
    cells = text(write_report(sweep)).partition("no control")[2]
    assert f"coin {coin.auc.value:.3f}" in cells
    assert "sure" not in cells.partition("Reproduce it")[0]


def _attack_cells(record: Record, finished: Results, run_dir: Path, seeds: list[int]) -> list[frontier.Row]:
    """A sweep over two attacks and these seeds, whose model is the same for both attacks and a bit better each seed."""
    run = record(run_dir.parent / "one")
    scenario = json.loads((run / "scenario.json").read_text())
    scenario["grid"] = {"seed": seeds, "attacks": ["coin", "sure"]}
    by_name = {attack.name: attack for attack in finished.attacks}
    for cell in begun(run_dir, scenario):
        seed = int(cell.labels["seed"])
        model = finished.models["source"].model_copy(update={"test_accuracy": proportion(600 + 20 * seed, 1000)})
        attacks = [by_name[cell.labels["attacks"]]]
        record(run_dir / "cells" / cell.name, seed=seed, models={"source": model}, attacks=attacks)
    return frontier.rows_of(read_sweep(run_dir))


def test_a_model_counts_once_however_many_attacks_have_cells(record: Record, finished: Results, tmp_path: Path) -> None:
    (row,) = _attack_cells(record, finished, tmp_path / "sweep", [1])
    expected = proportion(620, 1000)
    assert row.worth == frontier.Summary(expected.value, expected.low, expected.high, over=1)
    assert frontier.intervals_name([row]) == "with its 95 % interval"


def test_what_obfuscating_g_s_costs_is_csmalls_accuracy(record: Record, finished: Results, tmp_path: Path) -> None:
    source, target = finished.models.values()
    worse = target.model_copy(update={"test_accuracy": proportion(300, 1000)})
    noise = DefenceResult(
        kind="weight_noise",
        stage="release",
        party="cbig",
        attacked_adaptively=True,
        strongest=None,
        auc=None,
        accuracy=None,
    )
    sweep = sweep_of(record, tmp_path / "sweep", ["as it is", "noise"])
    noisy = sorted((sweep / "cells").iterdir())[1]
    shutil.rmtree(noisy)
    record(noisy, models={"source": source, "target": worse}, defences=(noise,))
    assert [row.worth and row.worth.value for row in frontier.rows_of(read_sweep(sweep))] == [0.6, 0.3]
    assert "test accuracy of csmall's model" in text(write_report(sweep))


def test_over_seeds_a_models_worth_is_their_mean(record: Record, finished: Results, tmp_path: Path) -> None:
    (row,) = _attack_cells(record, finished, tmp_path / "sweep", [1, 3])
    assert row.worth is not None
    assert (row.worth.value, row.worth.over) == (pytest.approx(0.64), 2)
    assert row.worth.high - row.worth.value == pytest.approx(0.04 / 2**0.5)
    assert frontier.intervals_name([row]) == "as mean ± standard deviation over seeds"
