from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

from leakdrill.errors import PartyUnavailable

Shell = Callable[..., Result]


def test_up_plays_all_but_the_attacks_and_introduces_the_parties(
    leakdrill: Shell, scenario: Path, tmp_path: Path, drills: Any
) -> None:
    answer = leakdrill("up", scenario, "--out", tmp_path / "out")
    assert answer.exit_code == 0, answer.stderr
    (drill,) = drills.made
    assert drill.played == ["train_source", "release", "adapt", "breach", "open", "stop"]
    for part in ("127.0.0.1:4001", "127.0.0.1:4002", f"{tmp_path}/out/adversary/credentials", "buf curl"):
        assert part in answer.stdout


def test_up_reports_a_party_that_dies_while_it_waits(
    leakdrill: Shell, scenario: Path, tmp_path: Path, drills: Any, monkeypatch: pytest.MonkeyPatch
) -> None:

    def dies() -> None:
        raise PartyUnavailable("cbig died (killed by SIGKILL)")

    monkeypatch.setattr(drills, "play", lambda drill, step: setattr(drill.parties, "check", dies))
    answer = leakdrill("up", scenario, "--out", tmp_path / "out")
    assert answer.exit_code == 2
    assert "cbig died (killed by SIGKILL)" in answer.stderr
    assert drills.made[0].played[-1] == "stop"
