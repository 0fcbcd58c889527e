import json
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest
from typer.testing import Result

from leakdrill.runs.reading import cells_of
from leakdrill.runs.rows import write_csv

Shell = Callable[..., Result]


def test_show_prints_a_finished_run_again(leakdrill: Shell, finished: Path) -> None:
    answer = leakdrill("show", finished)
    assert answer.exit_code == 0
    assert "0.703 [0.673, 0.733]" in answer.stdout


def test_show_says_what_is_wrong_with_a_folder(leakdrill: Shell, tmp_path: Path, finished: Path) -> None:
    assert "no run began there" in leakdrill("show", tmp_path / "nowhere").stderr
    (finished / "results.json").write_text('{"verdict": "splendid"}')
    answer = leakdrill("show", finished)
    assert answer.exit_code == 2
    assert str(finished / "results.json") in answer.stderr
    (finished / "results.json").unlink()
    assert f"leakdrill resume {finished}" in leakdrill("show", finished).stderr


def test_show_writes_the_expectations_as_junit_xml(leakdrill: Shell, finished: Path, tmp_path: Path) -> None:
    assert leakdrill("show", finished, "--junit", tmp_path / "gate.xml").exit_code == 0
    (case,) = ElementTree.parse(tmp_path / "gate.xml").iter("testcase")
    assert case.get("name") == "the leak exposes members"
    answer = leakdrill("show", finished, "--junit", tmp_path)
    assert answer.exit_code == 2
    assert "no file can be written there" in answer.stderr


def test_cite_prints_bibtex_and_nothing_else(leakdrill: Shell, finished: Path) -> None:
    answer = leakdrill("cite", finished)
    assert answer.exit_code == 0
    assert answer.stdout.startswith("@software{leakdrill,")
    assert "@inproceedings{hidano2021," in answer.stdout


def test_show_sums_up_a_grid_in_one_table_and_says_what_is_missing(
    leakdrill: Shell, tmp_path: Path, write_run: Callable[..., Path]
) -> None:
    write_run(tmp_path / "grid", grid={"before.shadow_size": [50, 100]})
    (tmp_path / "grid" / "results.json").unlink()
    first, _ = cells_of(tmp_path / "grid")
    write_run(first)

    answer = leakdrill("show", tmp_path / "grid")

    assert answer.exit_code == 0
    assert "shadow_size" in answer.stdout
    assert [line.split()[:2] for line in answer.stdout.splitlines() if line.startswith("50")] == [
        ["50", "after"],
        ["50", "gap"],
    ]
    assert "1 of 2 cells are yet to be played" in answer.stdout


def test_a_sweep_that_somebody_sent_is_read_without_importing_what_its_scenario_names(
    leakdrill: Shell, tmp_path: Path, write_run: Callable[..., Path]
) -> None:
    sent = write_run(tmp_path / "sent", grid={"before.shadow_size": [50, 100]})
    (sent / "results.json").unlink()
    for cell in cells_of(sent):
        write_run(cell)
    (tmp_path / "mine.py").write_text(f"import pathlib; pathlib.Path({str(tmp_path / 'imported')!r}).touch()")
    mine = {"attack": {"kind": f"{tmp_path / 'mine.py'}:Mine"}}
    for file in sent.rglob("scenario.json"):
        recorded = json.loads(file.read_text())
        data = recorded["data"] | {"set": mine["attack"]["kind"]}
        file.write_text(json.dumps(recorded | {"data": data, "timeline": [*recorded["timeline"], mine]}))
    commands = (
        ["show", sent, "--junit", tmp_path / "gate.xml"],
        ["report", sent, "--include-examples"],
        ["cite", sent],
    )
    for command in commands:
        answer = leakdrill(*command)
        assert answer.exit_code == 0, answer.stderr
    write_csv(sent)
    assert not (tmp_path / "imported").exists()
    assert leakdrill("resume", sent).exit_code == 2
    assert (tmp_path / "imported").exists()  # by what plays it: the test would have seen it


def test_a_grid_whose_cells_nobody_wrote_down_says_how_to_go_on(
    leakdrill: Shell, tmp_path: Path, write_run: Callable[..., Path]
) -> None:
    grid = write_run(tmp_path / "grid", grid={"before.shadow_size": [50, 100]})
    write_run(next(iter(cells_of(grid))))
    (grid / "sweep.json").unlink()
    answer = leakdrill("show", grid)
    assert answer.exit_code == 2
    assert f"leakdrill resume {grid}" in answer.stderr


def test_check_shows_who_holds_what_and_what_each_attack_needs(leakdrill: Shell, scenario: Path) -> None:
    answer = leakdrill("check", scenario)
    assert answer.exit_code == 0, answer.stderr
    for part in ("who is a member", "✓ feature_extractor", "csmall: exfiltration", "can be played: one drill"):
        assert part in answer.stdout


def test_check_lists_a_grids_cells_and_what_it_leaves_out(leakdrill: Shell, scenario: Path) -> None:
    answer = leakdrill("check", scenario, "--set", "grid={attacks: all, defences: [none, top_k]}", "--set", "expect=[]")
    assert answer.exit_code == 0, answer.stderr
    assert "skipped attacks=boundary (2 cells): attack 'boundary' needs what it is not granted" in answer.stdout
    assert "one for each cell of its grid" in answer.stdout
    for attack in ("before", "after", "gap", "entropy"):  # of all cells, not of the first alone
        assert f"\n{attack} " in answer.stdout
    assert "no attack needs it" not in answer.stdout  # another cell's does


def test_check_refuses_an_attack_without_its_access_and_names_it(leakdrill: Shell, scenario: Path) -> None:
    answer = leakdrill("check", scenario, "--set", "adversary.knows.architecture=false")
    assert answer.exit_code == 2
    assert "✗ architecture" in answer.stdout
    assert "'before'" in answer.stderr
    assert "adversary.knows.architecture" in answer.stderr


@pytest.mark.parametrize(
    ("setting", "named"),
    [
        ("cbig.source_model.fit.epoch=3", "epochs"),
        ("seed=many", "seed"),
        ("cbig.source_model.arch.kind=resnet9", "resnet8"),
        ("expect=[{claim: x, that: after.auc > nothing.auc}]", "nothing"),
    ],
)
def test_check_names_the_key_that_is_wrong(leakdrill: Shell, scenario: Path, setting: str, named: str) -> None:
    answer = leakdrill("check", scenario, "--set", setting)
    assert answer.exit_code == 2
    assert named in answer.stderr
    assert "Traceback" not in answer.stderr


def test_check_prints_every_call_that_the_policy_grants_and_from_when(leakdrill: Shell, scenario: Path) -> None:
    lines = leakdrill("check", scenario, "--policy").stdout.splitlines()
    columns = next(line for line in lines if line.startswith("who may call what")).split()[-5:]
    assert columns == ["referee", "cbig", "csmall", "adversary", "observer"]
    rows = {line.split()[0]: line.split()[1:] for line in lines if line.startswith("  ")}
    assert rows["ExfiltrationService/Exfiltrate"] == ["·", "·", "·", "breached", "·"]
    assert rows["SourceService/ReleaseFeatures"] == ["·", "·", "setup", "·", "·"]
    assert rows["GRPCInferenceService/ModelInfer"] == ["open", "·", "·", "open", "·"]
