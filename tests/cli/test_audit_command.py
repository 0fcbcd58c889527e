from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

from leakdrill.network.audit import AuditLog
from leakdrill.referee.auditing import COLLECTED, MISSING, audit_path, part_path
from leakdrill.referee.chain import end_of
from leakdrill.referee.journal import Journal

Shell = Callable[..., Result]


def audited(run_dir: Path) -> Path:
    """The folder of a drill whose parties' logs were collected."""
    journal = Journal(run_dir / "journal.jsonl")
    for party in ("cbig", "csmall", "adversary"):
        path = audit_path(run_dir, party)
        log = AuditLog(path)
        log.begin(journal.drill_id())
        log.record("state", state="open")
        for _ in range(3):
            log.record("call", caller="adversary", method="/inference.GRPCInferenceService/ModelInfer", status="OK")
        end = end_of(path.read_bytes(), journal.drill_id())
        journal.append(COLLECTED, party=party, num_lines=end.num_lines, head=end.head)
    return run_dir


@pytest.fixture
def run(tmp_path: Path) -> Path:
    (tmp_path / "run" / "audit").mkdir(parents=True)
    return audited(tmp_path / "run")


def test_intact_logs_tell_their_story(leakdrill: Shell, run: Path) -> None:
    answer = leakdrill("audit", run)
    assert answer.exit_code == 0, answer.stderr
    assert "run: the audit logs are intact (adversary 4 lines, cbig 4 lines, csmall 4 lines)" in answer.stdout
    assert "adversary asked cbig ModelInfer 3 times" in answer.stdout
    assert leakdrill("audit", run, "--all").stdout.count("adversary asked cbig ModelInfer\n") == 3


def test_a_line_that_was_tampered_with_is_named_and_no_story_is_told(leakdrill: Shell, run: Path) -> None:
    path = audit_path(run, "csmall")
    path.write_text(path.read_text().replace("open", "shut"))
    answer = leakdrill("audit", run)
    assert answer.exit_code == 1
    assert f"{path}, line 1: changed" in answer.stderr
    assert answer.stdout == ""


def test_a_cut_tail_is_found(leakdrill: Shell, run: Path) -> None:
    path = audit_path(run, "cbig")
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-1]))
    answer = leakdrill("audit", run)
    assert answer.exit_code == 1
    assert f"{path}, line 3: cut off after it: 1 more" in answer.stderr


def test_logs_that_came_or_went_are_found(leakdrill: Shell, run: Path) -> None:
    audit_path(run, "cbig").rename(audit_path(run, "stranger"))
    answer = leakdrill("audit", run)
    assert answer.exit_code == 1
    assert f"{audit_path(run, 'cbig')}: removed: the journal has recorded 4 lines of it" in answer.stderr
    assert f"{audit_path(run, 'stranger')}: inserted: the journal has no record of it" in answer.stderr


def test_a_log_that_was_withheld_in_the_end_is_reported_by_name_after_the_story(leakdrill: Shell, run: Path) -> None:
    Journal(run / "journal.jsonl").append(MISSING, party="adversary", error="adversary: not \x1b[2Jnow")
    answer = leakdrill("audit", run)
    assert answer.exit_code == 1
    assert answer.stdout.startswith("run: what there is of the audit logs is intact (adversary 4 lines, ")
    assert answer.stderr == (
        "run: adversary withheld its audit log, or it is missing: adversary: not \\x1b[2Jnow; "
        f"{audit_path(run, 'adversary')} ends where the referee last got it\n"
    )


def test_a_log_that_came_after_all_is_not_missing(leakdrill: Shell, run: Path) -> None:
    journal = Journal(run / "journal.jsonl")
    collected = journal.entries[-1].fields
    journal.append(MISSING, party="adversary", error="gone")
    journal.append(COLLECTED, **collected)
    assert leakdrill("audit", run).exit_code == 0


def test_parties_of_which_the_journal_says_nothing_are_missing(leakdrill: Shell, tmp_path: Path) -> None:
    (tmp_path / "run" / "audit").mkdir(parents=True)
    Journal(tmp_path / "run" / "journal.jsonl").drill_id()
    answer = leakdrill("audit", tmp_path / "run")
    assert answer.exit_code == 1
    for party in ("cbig", "csmall", "adversary"):
        assert f"{party} withheld its audit log, or it is missing: it was never collected" in answer.stderr


@pytest.mark.parametrize("line", [b"", b"not collected yet"])
def test_a_referee_killed_while_it_collected_leaves_no_suspicion(leakdrill: Shell, run: Path, line: bytes) -> None:
    path, journal = audit_path(run, "csmall"), Journal(run / "journal.jsonl")
    collected = path.read_bytes()
    part_path(run, "csmall").write_bytes(collected + line)
    assert leakdrill("audit", run).exit_code == 0, "killed before the journal said that it was collected"

    path.write_bytes(collected)
    log = AuditLog(path)
    log.record("call", caller="adversary")
    path.replace(part_path(run, "csmall"))
    path.write_bytes(collected)
    end = end_of(part_path(run, "csmall").read_bytes(), journal.drill_id())
    journal.append(COLLECTED, party="csmall", num_lines=end.num_lines, head=end.head)
    answer = leakdrill("audit", run)
    assert answer.exit_code == 0, "killed after it"
    assert f"csmall {end.num_lines} lines" in answer.stdout


def test_of_a_grid_every_cell_is_checked(leakdrill: Shell, tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / "cells" / name / "audit").mkdir(parents=True)
        audited(tmp_path / "cells" / name)
    assert leakdrill("audit", tmp_path).stdout.count("the audit logs are intact") == 2
    audit_path(tmp_path / "cells" / "two", "cbig").write_text("nothing\n")
    answer = leakdrill("audit", tmp_path)
    assert answer.exit_code == 1
    assert answer.stderr.count("line 1") == 1


def test_a_folder_without_audit_logs_is_bad_input(leakdrill: Shell, tmp_path: Path, run: Path) -> None:
    answer = leakdrill("audit", tmp_path)
    assert answer.exit_code == 2
    assert "no audit logs" in answer.stderr
    (run / "journal.jsonl").unlink()
    assert leakdrill("audit", run).exit_code == 2
