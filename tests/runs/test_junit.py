from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest

from leakdrill.errors import InvalidInput, NotFound
from leakdrill.results import Deciding, ExpectationResult, Outcome, Results
from leakdrill.runs.junit import junit, prepare, write_junit

WriteRun = Callable[..., Path]
DECIDING = Deciding(unit="example", num_judged=2000, num_needed=9400, reason="if the value stays")


def expectation(claim: str, outcome: Outcome) -> ExpectationResult:
    got = {"after.auc": {"value": 0.703, "low": 0.673, "high": 0.733}}
    deciding = DECIDING if outcome == "undecided" else None
    return ExpectationResult(claim=claim, that="after.auc < 0.7", got=got, outcome=outcome, deciding=deciding)


@pytest.fixture
def written(tmp_path: Path, results: Results, write_run: WriteRun) -> Callable[..., ElementTree.Element]:
    """The root of the file that is written for results with these changes, read back from disk."""

    def write(**changes: object) -> ElementTree.Element:
        run = write_run(tmp_path / "run")
        (run / "results.json").write_text(results.model_copy(update=changes).model_dump_json())
        write_junit(run, tmp_path / "deep" / "gate.xml")
        return ElementTree.parse(tmp_path / "deep" / "gate.xml").getroot()

    return write


def test_what_does_not_hold_and_what_is_undecided_fail_and_what_holds_does_not(
    written: Callable[..., ElementTree.Element],
) -> None:
    root = written(
        expectations=[expectation("a", "holds"), expectation("b", "does not hold"), expectation("c", "undecided")]
    )
    failures = {case.get("name"): case.find("failure") for case in root.iter("testcase")}
    assert failures["a"] is None
    assert failures["b"] is not None
    assert failures["b"].get("type") == "does not hold"
    assert "after.auc = 0.7030 [0.6730, 0.7330]" in (failures["b"].text or "")
    assert failures["c"] is not None
    assert failures["c"].get("type") == "undecided"
    assert "about 9,400 examples would decide it" in (failures["c"].get("message") or "")
    for element in (root, root[0]):
        assert (element.get("tests"), element.get("failures"), element.get("errors")) == ("3", "2", "0")


def test_a_claim_of_any_characters_is_still_xml(written: Callable[..., ElementTree.Element]) -> None:
    claim = "a <b attr=\"x\"> & ]]> 'c' \x00\x1b[31m \ufffe ü 😀 \n end"
    root = written(expectations=[expectation(claim, "does not hold")])
    (case,) = root.iter("testcase")
    assert case.get("name") == "a <b attr=\"x\"> & ]]> 'c' \ufffd\ufffd[31m \ufffd ü 😀 \n end"


def test_a_broken_drill_is_an_error_of_each_of_its_expectations(
    written: Callable[..., ElementTree.Element], results: Results
) -> None:
    scenario = results.scenario | {"expect": [{"claim": "a", "that": "x"}, {"claim": "b", "that": "y"}]}
    root = written(verdict="broken", error="cbig fell silent", expectations=[], scenario=scenario)
    assert [(case.get("name"), case[0].tag, case[0].get("message")) for case in root.iter("testcase")] == [
        ("a", "error", "cbig fell silent"),
        ("b", "error", "cbig fell silent"),
    ]
    assert (root.get("failures"), root.get("errors")) == ("0", "2")


def test_a_drill_of_which_nothing_was_expected_is_one_case_and_not_none(
    written: Callable[..., ElementTree.Element],
) -> None:
    (case,) = written(expectations=[]).iter("testcase")
    assert (case.get("name"), len(case)) == ("the drill is played to its end", 0)


def test_a_grid_has_a_suite_for_each_cell_and_one_that_was_not_played_is_an_error(grid: Path) -> None:
    first, second = sorted((grid / "cells").iterdir())
    (second / "results.json").unlink()
    suites = {suite.get("name"): suite for suite in junit(grid).iter("testsuite")}
    assert suites[first.name].get("errors") == "0"
    assert suites[second.name].get("errors") == "1"
    (error,) = suites[second.name].iter("error")
    assert error.get("type") == "not played"


def test_an_old_file_is_gone_before_a_run_and_is_not_written_without_one(tmp_path: Path) -> None:
    old = tmp_path / "gate.xml"
    old.write_text("<testsuites/>")
    prepare(old)
    assert not old.exists()
    with pytest.raises(NotFound):
        write_junit(tmp_path / "nowhere", old)
    assert not old.exists()


def test_a_place_where_no_file_can_be_is_refused_before_the_run(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=f"--junit {tmp_path}: no file can be written there"):
        prepare(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(InvalidInput, match="no file can be written there"):
        prepare(tmp_path / "file" / "gate.xml")
