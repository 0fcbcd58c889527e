"""The audit of real drills: whole, and of one whose party was killed on the way and came back."""

import os
import signal
from pathlib import Path

import pytest
from small import small
from typer.testing import CliRunner, Result

from leakdrill.cli import app
from leakdrill.referee.auditing import audit_path
from leakdrill.referee.chain import entries_of
from leakdrill.referee.drill import Drill
from leakdrill.referee.journal import read
from leakdrill.referee.local import PARTIES

pytestmark = pytest.mark.slow


def audited(run_dir: Path) -> Result:
    return CliRunner().invoke(app, ["audit", str(run_dir)])


def test_the_logs_of_a_broken_drill_are_collected_and_go_on_when_it_is_resumed(tmp_path: Path) -> None:
    run_dir = tmp_path / "run"
    with Drill(small(), out=run_dir) as drill:
        drill.train_source()
        victim = next(process for process in drill.parties._processes if process.party == "csmall")
        os.kill(victim.pid, signal.SIGKILL)
        victim._popen.wait()
        broken = drill.run()
    assert broken.verdict == "broken"
    assert "csmall died" in (broken.error or "")
    collected = [(e.event, e.fields["party"]) for e in read(run_dir / "journal.jsonl") if e.event.startswith("audit")]
    assert collected[:3] == [("audit_collected", party) for party in PARTIES], "before the first step"
    assert collected[-3:] == [
        ("audit_collected", "cbig"),
        ("audit_missing", "csmall"),
        ("audit_collected", "adversary"),
    ]
    answer = audited(run_dir)
    assert answer.exit_code == 1, answer.stderr
    assert "csmall withheld its audit log, or it is missing" in answer.stderr
    assert "cbig trained its source model" in answer.stdout
    assert "referee told csmall its part of the drill" in answer.stdout, "its log until the step before it died"

    with Drill.resume(run_dir) as drill:
        assert drill.run().verdict == "met"
    answer = audited(run_dir)
    assert answer.exit_code == 0, answer.stderr
    assert "csmall was started again" in answer.stdout
    assert "csmall moved to breached" in answer.stdout
    assert "adversary took what leaked at csmall" in answer.stdout

    log = audit_path(run_dir, "cbig")
    (drill,) = {entry.drill for entry in entries_of(log.read_bytes())}
    assert run_dir.name not in drill
    log.write_bytes(log.read_bytes().replace(b'"caller": "adversary"', b'"caller": "referee"', 1))
    answer = audited(run_dir)
    assert answer.exit_code == 1
    assert str(log) in answer.stderr
    assert ": changed" in answer.stderr
