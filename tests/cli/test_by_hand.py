import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import Result

from leakdrill.cli import by_hand
from leakdrill.errors import PartyUnavailable
from leakdrill.player import hosting
from leakdrill.player.scoreboard import Line
from leakdrill.results import Interval

Shell = Callable[..., Result]
Lines = list[Line | OSError]

LINE = Line("Ada", Interval(value=0.61, low=0.5, high=0.7), 1200, 1, 3)


@pytest.fixture(autouse=True)
def standings(monkeypatch: pytest.MonkeyPatch) -> Lines:
    """Nobody plays, or those of whom a test says so: tests/player has real players at real parties."""
    lines: Lines = []

    def look() -> Lines:
        if lines and isinstance(lines[0], OSError):
            raise lines.pop(0)
        return lines

    @contextmanager
    def host(*given: Any) -> Iterator[Any]:
        board = SimpleNamespace(standings=look)
        yield SimpleNamespace(scoreboard=board, page_url="http://127.0.0.1:4004/", submit_url="", step=0.15)

    monkeypatch.setattr(hosting, "hosting", host)
    monkeypatch.setattr(by_hand, "leave_report", lambda run_dir: None)
    return lines


def test_up_plays_all_but_the_attacks_and_introduces_the_parties(
    leakdrill: Shell, scenario: Path, tmp_path: Path, drills: Any
) -> None:
    answer = leakdrill("up", scenario, "--out", tmp_path / "out")
    assert answer.exit_code == 0, answer.stderr
    (drill,) = drills.made
    assert drill.played == ["train_source", "release", "adapt", "breach", "open", "stop"]
    assert drill.scenario.expect == [], "no attack is played here that they could be about"
    for part in (
        "127.0.0.1:4001",
        "http://127.0.0.1:4004/",
        f"{tmp_path}/out/player/client.py",
        "127.0.0.1:4002",
        f"{tmp_path}/out/adversary/credentials",
        "buf curl",
        "players are told their AUC to 0.15",
    ):
        assert part in answer.stdout


def test_what_was_handed_in_is_shown_and_judged_at_the_end(
    leakdrill: Shell, scenario: Path, tmp_path: Path, drills: Any, standings: Lines
) -> None:
    standings.append(LINE)
    answer = leakdrill("up", scenario, "--out", tmp_path / "out")
    assert answer.exit_code == 0, answer.stderr
    assert re.search(r"Ada +0.61 \[0.50, 0.70\] +1,200 +1 of 3", answer.stdout)
    assert drills.made[0].played[-2:] == ["judge", "stop"]


def test_up_reports_a_party_that_dies_while_it_waits(
    leakdrill: Shell,
    scenario: Path,
    tmp_path: Path,
    drills: Any,
    monkeypatch: pytest.MonkeyPatch,
    standings: Lines,
) -> None:

    def dies() -> None:
        raise PartyUnavailable("cbig died (killed by SIGKILL)")

    monkeypatch.setattr(drills, "play", lambda drill, step: setattr(drill.parties, "check", dies))
    answer = leakdrill("up", scenario, "--out", tmp_path / "out")
    assert answer.exit_code == 2
    assert "cbig died (killed by SIGKILL)" in answer.stderr
    assert drills.made[0].played[-2:] == ["open", "stop"], "nobody had handed anything in"
    standings.append(LINE)
    answer = leakdrill("up", scenario, "--out", tmp_path / "again")
    assert answer.exit_code == 2
    assert drills.made[1].played[-2:] == ["judge: cbig died (killed by SIGKILL)", "stop"]


def test_a_class_goes_on_where_the_scoreboard_cannot_be_read_for_a_moment(
    leakdrill: Shell, scenario: Path, tmp_path: Path, drills: Any, standings: Lines
) -> None:
    standings += [OSError(24, "Too many open files"), LINE]
    answer = leakdrill("up", scenario, "--out", tmp_path / "out")
    assert answer.exit_code == 0, answer.stderr
    assert drills.made[0].played[-2:] == ["judge", "stop"]


@pytest.mark.parametrize(
    ("names", "told"),
    [
        ("", "has no name in it"),
        ("Ada\nBob\nada\n", "line 3 of .*: 'ada' is in line 1 already"),
        ("../Ada\n", "line 1 of .*: '../Ada' has '/'"),
        ("Ada\n.\n", "line 2 of .*: '.' begins or ends with a dot"),
        ("x" * 41, "has 41 characters, wanted 40 at most"),
        ("Ada\x1b[2J", r"has '\\x1b'"),
    ],
)
def test_names_that_cannot_be_folders_are_refused_before_anything_starts(
    leakdrill: Shell, scenario: Path, tmp_path: Path, drills: Any, names: str, told: str
) -> None:
    (tmp_path / "names.txt").write_text(names)
    answer = leakdrill("up", scenario, "--out", tmp_path / "out", "--players", tmp_path / "names.txt")
    assert answer.exit_code == 2
    assert re.search(told, answer.stderr), answer.stderr
    assert not drills.made


@pytest.mark.parametrize("listen", ["0.0.0.0", "::1", "host:port", ":80", "1.2.3.4:70000"])
def test_an_address_that_players_could_not_be_sent_to_is_refused(
    leakdrill: Shell, scenario: Path, drills: Any, listen: str
) -> None:
    answer = leakdrill("up", scenario, "--listen", listen)
    assert answer.exit_code == 2
    assert "192.168.1.10" in answer.stderr or "hostname -I" in answer.stderr
    assert not drills.made
