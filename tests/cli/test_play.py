import os
import signal
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from xml.etree import ElementTree

import pytest
from typer.testing import Result

from leakdrill.referee import grid
from leakdrill.referee.schedule import Schedule
from leakdrill.results import Results
from leakdrill.runs.reading import cells_of

Shell = Callable[..., Result]


def test_run_prints_where_how_long_and_what_it_found(
    leakdrill: Shell, scenario: Path, tmp_path: Path, plays: SimpleNamespace
) -> None:
    answer = leakdrill("run", scenario, "--out", tmp_path / "out")
    assert answer.exit_code == 0
    assert plays.run_dir == tmp_path / "out"
    for part in (
        str(tmp_path / "out"),
        "about 12 s: source model 12 s",
        "0.703 [0.673, 0.733]",
        "met: what was expected",
    ):
        assert part in answer.stdout


def test_run_goes_to_runs_by_name_and_time_unless_told_otherwise(
    leakdrill: Shell, scenario: Path, tmp_path: Path, plays: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    leakdrill("run", scenario)
    assert plays.run_dir.parent == Path("runs")
    assert plays.run_dir.name.startswith("leak-20")


def test_settings_reach_the_scenario(leakdrill: Shell, scenario: Path, tmp_path: Path, plays: SimpleNamespace) -> None:
    leakdrill("run", scenario, "--set", "seed=11", "--set", "before.num_shadows=3", "--out", tmp_path / "out")
    assert plays.loaded.scenario.seed == 11
    assert plays.loaded.scenario.timeline[3].attack.num_shadows == 3


@pytest.mark.parametrize(("verdict", "code"), [("met", 0), ("not met", 1), ("broken", 2), ("undecided", 3)])
def test_the_verdict_is_the_exit_code(
    leakdrill: Shell, scenario: Path, tmp_path: Path, plays: SimpleNamespace, results: Results, verdict: str, code: int
) -> None:
    plays.outcome = results.model_copy(update={"verdict": verdict})
    assert leakdrill("run", scenario, "--out", tmp_path / "out").exit_code == code


def test_a_run_leaves_junit_xml_and_nothing_of_an_older_run(
    leakdrill: Shell,
    scenario: Path,
    tmp_path: Path,
    plays: SimpleNamespace,
    results: Results,
    write_run: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    xml = tmp_path / "gate.xml"
    xml.write_text("<testsuites/>")
    plays.outcome = KeyboardInterrupt()
    assert leakdrill("run", scenario, "--out", tmp_path / "stopped", "--junit", xml).exit_code == 130
    assert not xml.exists()

    def play(loaded: object, run_dir: Path, *given: object) -> Results:
        write_run(run_dir)
        return results

    monkeypatch.setattr(grid, "run_scenario", play)
    assert leakdrill("run", scenario, "--out", tmp_path / "out", "--junit", xml).exit_code == 0
    assert [case.get("name") for case in ElementTree.parse(xml).iter("testcase")] == ["the leak exposes members"]


def test_a_folder_that_holds_a_run_is_not_written_over(
    leakdrill: Shell, finished: Path, scenario: Path, plays: SimpleNamespace
) -> None:
    answer = leakdrill("run", scenario, "--out", finished)
    assert answer.exit_code == 2
    assert f"leakdrill resume {finished}" in answer.stderr
    assert plays.run_dir is None


def test_an_interrupt_before_the_drill_leaves_nothing_to_resume(
    leakdrill: Shell, scenario: Path, tmp_path: Path, plays: SimpleNamespace
) -> None:
    plays.outcome = KeyboardInterrupt()
    assert "nothing was played" in leakdrill("run", scenario, "--out", tmp_path / "out").stderr
    assert leakdrill("run", scenario, "--out", tmp_path / "out").exit_code == 130


def test_resume_goes_on_in_the_same_folder(leakdrill: Shell, finished: Path, plays: SimpleNamespace) -> None:
    answer = leakdrill("resume", finished)
    assert answer.exit_code == 0
    assert plays.run_dir == finished


def test_a_run_that_is_terminated_says_how_to_go_on(
    leakdrill: Shell, finished: Path, plays: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(grid, "resume_run", lambda *given: os.kill(os.getpid(), signal.SIGTERM))
    answer = leakdrill("resume", finished)
    assert answer.exit_code == 130
    assert f"resume with: leakdrill resume {finished}" in answer.stderr
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


def test_an_interrupted_run_says_how_to_go_on(leakdrill: Shell, finished: Path, plays: SimpleNamespace) -> None:
    plays.outcome = KeyboardInterrupt()
    assert f"resume with: leakdrill resume {finished}" in leakdrill("resume", finished).stderr


def test_there_is_nothing_to_resume_in_another_folder(leakdrill: Shell, tmp_path: Path, plays: SimpleNamespace) -> None:
    answer = leakdrill("resume", tmp_path)
    assert answer.exit_code == 2
    assert f"no run in {tmp_path}" in answer.stderr


def test_what_cannot_be_played_is_refused_before_anything_starts(
    leakdrill: Shell, scenario: Path, tmp_path: Path, plays: SimpleNamespace
) -> None:
    grid = "grid={adversary.knows.architecture: [true, false]}"
    for setting in (grid, "expect=[{claim: x, that: after.auc > nothing.auc}]"):
        assert leakdrill("run", scenario, "--set", setting, "--out", tmp_path / "out").exit_code == 2
    assert plays.run_dir is None
    assert not (tmp_path / "out").exists()


PARTIES = (Path(__file__).parents[2] / "compose.parties.yaml").read_text()


@pytest.mark.parametrize("by", ["option", "environment"])
def test_a_drill_is_played_with_the_running_parties_of_a_file(
    leakdrill: Shell, scenario: Path, tmp_path: Path, plays: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    file = tmp_path / "parties.yaml"
    file.write_text(PARTIES)
    if by == "environment":
        monkeypatch.setenv("LEAKDRILL_PARTIES", str(file))
    options = ["--parties", file] if by == "option" else []
    assert leakdrill("run", scenario, "--out", tmp_path / "out", *options).exit_code == 0
    assert plays.parties.addresses["cbig/private"] == "cbig.control:7001"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (None, "no parties file"),
        ("addresses: 3", "is no parties file"),
        ("addresses: {}\ncredentials_dir: /", "no address of adversary/private"),
    ],
)
def test_a_parties_file_that_is_missing_or_malformed_is_named(
    leakdrill: Shell, scenario: Path, tmp_path: Path, plays: SimpleNamespace, text: str | None, complaint: str
) -> None:
    file = tmp_path / "parties.yaml"
    if text:
        file.write_text(text)
    answer = leakdrill("run", scenario, "--parties", file)
    assert answer.exit_code == 2
    assert complaint in answer.stderr
    assert str(file) in answer.stderr


GRID = "grid={after.shadow_size: [20, 30, 40]}"


def test_a_grid_is_played_by_as_many_processes_as_are_asked_for(
    leakdrill: Shell, scenario: Path, tmp_path: Path, plays: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 6)
    here = ["--ray", "local", "--jobs", 5]
    for options, wanted in (
        ([], Schedule(3)),
        (["--jobs", 5], Schedule(5)),
        (here, Schedule(5, "local")),
        (["--ray", "auto"], Schedule(1, "auto")),
    ):
        answer = leakdrill("run", scenario, "--set", GRID, "--out", tmp_path / "out", *options)
        assert answer.exit_code == 0, answer.stderr
        assert plays.schedule == wanted


def test_a_shard_joins_the_folder_of_the_others_and_says_that_it_must_be_theirs(
    leakdrill: Shell, scenario: Path, finished: Path, plays: SimpleNamespace, tmp_path: Path
) -> None:
    first = leakdrill("run", scenario, "--set", GRID, "--out", tmp_path / "out", "--shard", "2/3")
    assert plays.schedule.shard == (2, 3)
    assert f"all shards must be given this very {tmp_path / 'out'}" in first.stderr
    assert leakdrill("run", scenario, "--set", GRID, "--out", finished, "--shard", "3/3").exit_code == 0
    assert plays.run_dir == finished
    pinned = leakdrill(
        "run", scenario, "--set", GRID, "--set", "split_key=x", "--out", tmp_path / "o", "--shard", "1/2"
    )
    assert "all shards" not in pinned.stderr


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--jobs", 2], "--jobs is for the cells of a grid, and this scenario has none"),
        (["--shard", "1/2"], "--shard is for the cells of a grid"),
        (["--set", GRID, "--shard", "3/2", "--out", "x"], "--shard 3/2: wanted I/N"),
        (["--set", GRID, "--shard", "half", "--out", "x"], "--shard half: wanted I/N"),
        (["--set", GRID, "--shard", "1/2"], "--shard needs --out"),
        (["--set", GRID, "--shard", "4/4", "--out", "x"], "the grid has 3 cells"),
        (["--set", GRID, "--jobs", 2, "--ray", "auto"], "the cluster at --ray auto decides by itself"),
        (["--set", GRID, "--jobs", 2, "--parties", "p.yaml"], "--jobs starts parties of its own"),
    ],
)
def test_options_for_a_sweep_that_make_no_sense_are_refused(
    leakdrill: Shell, scenario: Path, plays: SimpleNamespace, options: list[object], complaint: str
) -> None:
    answer = leakdrill("run", scenario, *options)
    assert answer.exit_code == 2
    assert complaint in answer.stderr
    assert plays.run_dir is None


def test_the_junit_of_a_shard_has_its_own_cells_alone(
    leakdrill: Shell,
    scenario: Path,
    tmp_path: Path,
    plays: SimpleNamespace,
    write_run: Callable[..., Path],
    results: Results,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def play(loaded: object, run_dir: Path, *given: object) -> list[Results]:
        write_run(run_dir, grid={"after.shadow_size": [20, 30, 40]})
        (run_dir / "results.json").unlink()
        write_run(list(cells_of(run_dir))[1])
        return [results]

    monkeypatch.setattr(grid, "run_scenario", play)
    xml = tmp_path / "gate.xml"
    options = ["--out", tmp_path / "out", "--junit", xml]
    assert leakdrill("run", scenario, "--set", GRID, *options, "--shard", "2/3").exit_code == 0
    (suite,) = ElementTree.parse(xml).iter("testsuite")
    assert (suite.get("name"), suite.get("errors")) == ("2-after.shadow_size=30", "0")
