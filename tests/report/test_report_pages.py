"""What stands in a report, read from its HTML."""

import json
import os
import re
import shutil
from collections.abc import Callable
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np
import pytest

from leakdrill.errors import NotFound
from leakdrill.metrics import proportion
from leakdrill.report import frontier, write_report
from leakdrill.report.exposure import by_class, most_exposed
from leakdrill.report.reading import read_run, read_sweep
from leakdrill.report.remarks import warnings
from leakdrill.report.roc import curve
from leakdrill.report.sentence import headline
from leakdrill.results import Deciding, DefenceResult, ExpectationResult, FoldsResult, Interval, Results
from leakdrill.runs.rows import write_csv
from leakdrill.scenario.grid import Cell, expand
from leakdrill.scenario.schema import Scenario

Record = Callable[..., Path]
HOSTILE = "</script><script>alert('it ran')</script>"


def text(page: Path) -> str:
    """The page's words, without scripts and tags."""
    html = re.sub(r"<(script|style).*?</\1>", "", page.read_text(), flags=re.DOTALL)
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", html)).split())


def charts(page: Path) -> dict[str, dict[str, Any]]:
    pattern = r'<script type="application/json" data-chart="([^"]+)">(.*?)</script>'
    return {name: json.loads(spec) for name, spec in re.findall(pattern, page.read_text(), flags=re.DOTALL)}


def test_a_report_has_all_its_parts_in_one_small_file(record: Record, finished: Results) -> None:
    page = write_report(record())
    assert page.name == "report.html"
    assert page.stat().st_size < 3_000_000
    words = text(page)
    for part in (
        "Does a leak expose anybody?",
        "230 were identified",
        "By contract, cbig hands csmall g_s",
        "csmall leaks g_s, the shallow layers of cbig's model, through malware",
        "asks cbig's public API: its source model 4,000 times",
        "AML.T0024.000 Infer Training Data Membership",
        "AML.T0040 AI Model Inference API Access",
        "AML.T0025 Exfiltration via Cyber Means",
        "leakdrill reproduce",
        "c0ffee",
        "#0",
    ):
        assert part in words, part
    curves = {"roc-linear-example", "roc-log-example", "scores-coin", "scores-sure", "classes"}
    drawn = charts(page)
    assert set(drawn) == curves | {"frontier-AUC"}
    assert drawn["frontier-AUC"]["description"].count("cbig/source") == len(finished.attacks)


def test_nothing_in_a_report_is_loaded_from_elsewhere(record: Record) -> None:
    html = write_report(record()).read_text()
    markup = re.sub(r"<script>.*?</script>", "", html, flags=re.DOTALL)
    loaded = re.findall(r"""(?:src|href|action|data)=["']?([^"'\s>]+)""", markup) + re.findall(
        r"url\(([^)]+)\)", markup
    )
    assert loaded
    assert all(re.match(r"data:|#|https://atlas\.mitre\.org/techniques/AML\.T", each) for each in loaded), loaded
    assert "default-src 'none'" in unescape(markup)


def test_what_a_scenario_says_is_text_wherever_it_stands(record: Record, tmp_path: Path) -> None:
    html = write_report(record(question=HOSTILE)).read_text()
    assert HOSTILE not in html
    assert "&lt;/script&gt;" in html

    sweep = _sweep(record, tmp_path / "sweep", [HOSTILE, "tame"])
    page = write_report(sweep)
    assert HOSTILE not in page.read_text()
    assert HOSTILE in charts(page)["frontier-AUC"]["description"]


def test_a_curve_is_the_one_that_the_area_and_the_rates_are_of(record: Record) -> None:
    run = read_run(record())
    for attack in run.attacks:
        points = curve(attack.name, run.judged[attack.name])
        assert len(points) <= 170
        area = np.trapezoid([point["tpr"] for point in points], [point["fpr"] for point in points])
        assert area == pytest.approx(attack.auc.value, abs=0.003)
        at_one = next(point for point in attack.tpr_at_fpr if point.fpr == 0.01)
        drawn = [point for point in points if point["fpr"] <= 0.01][-1]
        assert drawn["tpr"] == pytest.approx(at_one.value)
        assert (drawn["low"], drawn["high"]) == pytest.approx((at_one.low, at_one.high), abs=1e-3)


def test_the_exposed_are_those_that_the_sentence_counts(record: Record, finished: Results) -> None:
    run, point = read_run(record()), headline(finished)
    assert point is not None
    classes = by_class(run, point)
    assert sum(each.num_named for each in classes) == 230
    assert sum(each.num_accused for each in classes) == 10
    most = most_exposed(run, point)
    assert [each.position for each in most[:2]] == [458, 456]  # every second is a member: the 230th is the surest
    assert all(each.score > 3 for each in most)


def test_a_defence_that_nobody_expected_is_flagged(record: Record, finished: Results) -> None:
    auc = Interval(value=0.6, low=0.55, high=0.65)
    guard = DefenceResult(
        kind="memguard", stage="prediction", party="cbig", attacked_adaptively=False,
        strongest="sure", auc=auc, accuracy=auc,
    )  # fmt: skip
    words = text(write_report(record(defences=(guard,))))
    assert "memguard was not attacked adaptively" in words
    assert "Test accuracy is that of the model itself, before any defence of its answers" in words
    expected = guard.model_copy(update={"attacked_adaptively": True})
    assert not warnings(finished.model_copy(update={"defences": (expected,)}))


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda run: (run / "results.json").unlink(), "nothing was judged"),
        (lambda run: (run / "results.json").write_text('{"verdict": "me'), "results.json is damaged"),
        (lambda run: (run / "journal.jsonl").unlink(), "no journal.jsonl"),
        (lambda run: (run / "journal.jsonl").write_text("no journal\n"), "journal is damaged"),
        (lambda run: (run / "truth" / "challenge.npz").unlink(), "The truth is not there"),
        (lambda run: (run / "scores" / "sure-0.npz").write_bytes(b"PK\x03\x04half"), "scores of sure are not there"),
        (lambda run: (run / "scores" / "coin-0.npz").unlink(), "scores of coin are not there"),
    ],
)
def test_whatever_a_half_written_run_lacks_is_named(record: Record, damage: Callable[[Path], Any], said: str) -> None:
    run_dir = record()
    damage(run_dir)
    assert said in " ".join(read_run(run_dir).missing)


def test_an_unfinished_run_has_a_report_that_says_so_and_draws_what_was_played(record: Record) -> None:
    run_dir = record()
    (run_dir / "results.json").unlink()
    page = write_report(run_dir)
    assert "nothing was judged" in text(page)
    assert "Does a leak expose anybody?" in text(page)
    assert "roc-linear-example" in charts(page)


def test_results_that_cannot_be_read_are_not_taken_for_a_drill_that_was_not_played(record: Record) -> None:
    run_dir = record()
    (run_dir / "results.json").write_text('{"verdict": "me')
    words = text(write_report(run_dir))
    assert "What the drill found cannot be read. unreadable" in words
    assert "not played" not in words


def test_a_folder_without_a_run_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no run in"):
        write_report(tmp_path)


def test_no_byte_of_a_pinned_split_key_is_in_what_is_shown(record: Record, tmp_path: Path) -> None:
    key = "pinned for all releases"
    scenario = json.loads((record(split_key=key) / "scenario.json").read_text())
    assert scenario["split_key"] == key
    drawn = {"first": {"split_key": key}, "second": {"seed": 2, "split_key": f"{key} too"}}
    sweep = tmp_path / "sweep"
    first, _ = _begun(sweep, scenario | {"grid": {"drawn": drawn}, "smoke": {"split_key": key}, "split_key": None})
    run = record(sweep / "cells" / first.name, split_key=key)
    write_csv(run)
    write_csv(sweep)
    write_report(sweep)
    shown = [path for path in sweep.rglob("*") if path.suffix in (".html", ".csv")]
    assert len(shown) == 4
    assert "null stands here" in text(run / "report.html")
    for path in [*shown, run / "results.json"]:
        assert key.encode() not in path.read_bytes(), path


def test_an_undecided_clause_says_what_would_decide_it(record: Record) -> None:
    wanted = Deciding(unit="identity", num_judged=2400, num_needed=4800, reason="if the value stays")
    clause = ExpectationResult(claim="safe", that="sure.auc < 0.7", got={}, outcome="undecided", deciding=wanted)
    page = write_report(record(expectations=[clause], verdict="undecided"))
    assert "About 4,800 identities would decide it, if the value stays; 2,400 were judged." in text(page)
    assert "too few examples to decide what was expected" in text(page)


def test_why_a_run_decides_nothing_is_said_before_all_else(record: Record) -> None:
    words = text(write_report(record(verdict="undecided", undecided_because="the two folders are not alike")))
    assert words.index("Nothing here decides anything: the two folders are not alike.") < words.index(
        "By contract, cbig hands"
    )
    assert "too few examples" not in words


def _sweep(record: Record, run_dir: Path, labels: list[str]) -> Path:
    """One axis with a cell of each of these names, all of them played, and all alike."""
    run = record(run_dir.parent / "one")
    scenario = json.loads((run / "scenario.json").read_text())
    scenario["grid"] = {"csmall.target_model": {label: {"seed": number} for number, label in enumerate(labels)}}
    for cell in _begun(run_dir, scenario):
        record(run_dir / "cells" / cell.name)
    return run_dir


def _begun(run_dir: Path, scenario: dict[str, Any]) -> list[Cell]:
    """The folder of a sweep of which no cell was played yet, and its cells."""
    cells = expand(Scenario.model_validate(scenario)).cells
    run_dir.mkdir()
    (run_dir / "scenario.json").write_text(json.dumps(scenario))
    named = [{"name": cell.name, "labels": cell.labels} for cell in cells]
    (run_dir / "sweep.json").write_text(json.dumps({"cells": named, "skipped": []}))
    return cells


def test_a_sweep_has_a_frontier_a_table_and_a_report_for_each_cell(record: Record, tmp_path: Path) -> None:
    sweep = _sweep(record, tmp_path / "sweep", ["calm", "loud", "late", "never"])
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
    sweep = _sweep(record, tmp_path / "sweep", ["calm", "loud"])
    write_report(sweep, out=tmp_path / "elsewhere" / "sweep.html")
    assert not list(sweep.rglob("report.html"))
    page = tmp_path / "elsewhere" / "sweep.html"
    assert "calm" in text(page)
    assert "cells/" not in page.read_text()  # links to what is not there


def test_a_cells_report_is_written_again_only_when_the_cell_has_gone_on(record: Record, tmp_path: Path) -> None:
    sweep = _sweep(record, tmp_path / "sweep", ["calm", "loud", "late"])
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
    sweep = _sweep(record, tmp_path / "sweep", ["calm"])
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
    for cell in _begun(run_dir, scenario):
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
    sweep = _sweep(record, tmp_path / "sweep", ["as it is", "noise"])
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
