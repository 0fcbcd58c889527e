"""What stands in a report, read from its HTML."""

import json
import re
from collections.abc import Callable
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from report_pages import Record, begun, charts, sweep_of, text

from leakdrill.errors import NotFound
from leakdrill.report import write_report
from leakdrill.report.exposure import by_class, most_exposed
from leakdrill.report.reading import read_run
from leakdrill.report.remarks import warnings
from leakdrill.report.roc import curve
from leakdrill.report.sentence import headline
from leakdrill.results import Deciding, DefenceResult, ExpectationResult, Interval, Results
from leakdrill.runs.rows import write_csv

HOSTILE = "</script><script>alert('it ran')</script>"


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

    sweep = sweep_of(record, tmp_path / "sweep", [HOSTILE, "tame"])
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
    first, _ = begun(sweep, scenario | {"grid": {"drawn": drawn}, "smoke": {"split_key": key}, "split_key": None})
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
