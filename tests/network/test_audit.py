import hashlib
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from full_disk import disk_of

from leakdrill.errors import PartyUnavailable
from leakdrill.network import audit
from leakdrill.network.audit import AuditLog, excerpt


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "audit.jsonl"


def sha256(line: str) -> str:
    return hashlib.sha256(line.encode()).hexdigest()


def entries(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def events(path: Path) -> list[tuple[int, str]]:
    return [(entry["seq"], entry["event"]) for entry in entries(path)]


def test_each_line_carries_the_hash_of_the_line_before_it_and_the_first_that_of_the_drill(path: Path) -> None:
    log = AuditLog(path)
    log.begin("drill-1")
    for caller in ("referee", "adversary", "adversary"):
        log.record("call", caller=caller)
    lines = path.read_text().splitlines()
    assert [json.loads(line)["previous"] for line in lines] == [sha256("drill-1"), sha256(lines[0]), sha256(lines[1])]


def test_a_line_says_when_in_which_drill_and_what(path: Path) -> None:
    log = AuditLog(path)
    log.begin("drill-1")
    log.record("call", caller="adversary", status="OK")
    (entry,) = entries(path)
    time = datetime.fromisoformat(entry.pop("time"))
    assert abs(datetime.now(UTC) - time) < timedelta(minutes=1)
    del entry["previous"]
    assert entry == {"seq": 0, "drill": "drill-1", "event": "call", "caller": "adversary", "status": "OK"}


def test_a_line_is_in_the_file_when_record_returns(path: Path) -> None:
    log = AuditLog(path)
    log.begin("drill-1")
    log.record("call")
    assert events(path) == [(0, "call")]


def test_what_came_before_the_drill_is_in_its_log(path: Path) -> None:
    log = AuditLog(path)
    log.record("call", caller="adversary")
    assert not path.exists()
    assert list(log.chunks()) == []
    log.begin("drill-1")
    log.record("state", state="setup")
    assert events(path) == [(0, "call"), (1, "state")]
    assert entries(path)[0]["drill"] == "drill-1"


def test_a_flood_before_the_drill_is_bounded_and_its_size_is_told(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "MAX_EARLY", 3)
    log = AuditLog(path)
    for _ in range(10):
        log.record("call")
    log.begin("drill-1")
    assert [event for _, event in events(path)] == ["call", "call", "call", "unlogged"]
    assert entries(path)[-1]["count"] == 7


def test_a_party_that_starts_again_goes_on_with_its_chain(path: Path) -> None:
    log = AuditLog(path)
    log.begin("drill-1")
    log.record("call")

    again = AuditLog(path)
    again.record("call")  # before the referee has configured it
    again.begin("drill-1")
    again.record("state")

    assert events(path) == [(0, "call"), (1, "restarted"), (2, "call"), (3, "state")]
    lines = path.read_text().splitlines()
    assert json.loads(lines[1])["previous"] == sha256(lines[0])


def test_a_line_torn_by_a_crash_is_kept_as_evidence_in_the_chain(path: Path) -> None:
    log = AuditLog(path)
    log.begin("drill-1")
    log.record("call")
    with path.open("a") as file:
        file.write('{"seq": 1, "previ')

    AuditLog(path).record("call")

    assert events(path) == [(0, "call"), (1, "restarted"), (2, "call")]
    assert entries(path)[1]["torn"] == '{"seq": 1, "previ'


def test_another_drill_has_a_log_of_its_own_and_the_first_is_gone_on_with_later(path: Path) -> None:
    log = AuditLog(path)
    for drill in ("cell-1", "cell-2", "cell-1"):
        log.begin(drill)
        log.record("call")
    assert events(path) == [(0, "call"), (1, "restarted"), (2, "call")]
    assert {entry["drill"] for entry in entries(path)} == {"cell-1"}
    (other,) = path.parent.glob("audit-*.jsonl")
    assert {entry["drill"] for entry in entries(other)} == {"cell-2"}


def test_the_name_of_a_drill_does_not_choose_where_its_log_is_kept(path: Path) -> None:
    log = AuditLog(path)
    for drill in ("../../outside", "next"):
        log.begin(drill)
        log.record("call")
    assert len(list(path.parent.iterdir())) == 2
    assert len(list(path.parent.parent.glob("*outside*"))) == 0


def test_the_log_is_given_in_pieces_as_it_stands(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "CHUNK_BYTES", 100)
    log = AuditLog(path)
    log.begin("drill-1")
    for _ in range(5):
        log.record("call")
    chunks = log.chunks()
    first = next(chunks)
    log.record("call")  # after it was asked for
    pieces = [first, *chunks]
    assert all(len(piece) <= 100 for piece in pieces)
    assert b"".join(pieces) == b"".join(path.read_bytes().splitlines(keepends=True)[:5])


def test_threads_write_one_chain(path: Path) -> None:
    log = AuditLog(path)
    log.begin("drill-1")
    threads = [Thread(target=lambda: [log.record("call") for _ in range(50)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lines = path.read_text().splitlines()
    assert [json.loads(line)["seq"] for line in lines] == list(range(200))
    assert [json.loads(line)["previous"] for line in lines[1:]] == [sha256(line) for line in lines[:-1]]


def test_a_line_that_the_disk_did_not_take_is_an_error_and_does_not_break_the_chain(path: Path) -> None:
    log = AuditLog(path)
    log.begin("drill-1")
    log.record("call", caller="referee")
    with disk_of(path.stat().st_size + 20):
        for _ in range(3):
            with pytest.raises(PartyUnavailable, match="audit log cannot be written"):
                log.record("call", caller="adversary")
    log.record("call", caller="csmall")
    assert [(entry["seq"], entry["caller"]) for entry in entries(path)] == [(0, "referee"), (1, "csmall")]
    first, second = path.read_text().splitlines()
    assert json.loads(second)["previous"] == sha256(first)


def test_a_log_that_fails_says_so_until_it_works_and_then_tells_what_is_not_in_it(path: Path) -> None:
    log = AuditLog(path)
    log.begin("drill-1")
    log.check()
    with disk_of(0):
        with pytest.raises(PartyUnavailable):
            log.record("call", caller="adversary")
        log.leave_out("adversary")
        with pytest.raises(PartyUnavailable):
            log.check()
        log.leave_out("adversary")
    log.check()
    log.check()
    assert [(entry["event"], entry["caller"], entry["count"]) for entry in entries(path)] == [
        ("unlogged", "adversary", 2)
    ]


def test_a_drill_that_could_not_begin_on_a_full_disk_begins_later_and_no_log_is_lost(path: Path) -> None:
    log = AuditLog(path)
    for drill in ("one", "two"):
        log.begin(drill)
        log.record("call", caller=drill)
    with disk_of(0), pytest.raises(PartyUnavailable):
        log.begin("one")
    log.check()
    log.begin("two")
    log.begin("one")
    assert events(path) == [(0, "call"), (1, "restarted")]
    (other,) = path.parent.glob("audit-*.jsonl")
    assert events(other) == [(0, "call"), (1, "restarted")]
    assert (entries(path)[0]["caller"], entries(other)[0]["caller"]) == ("one", "two")


def test_what_was_left_out_is_told_before_the_next_line_and_when_the_log_is_collected(path: Path) -> None:
    log = AuditLog(path)
    log.begin("drill-1")
    for caller in ("adversary", "cbig", "adversary"):
        log.leave_out(caller)
    log.record("state", state="open")
    log.leave_out("adversary")
    assert b"".join(log.chunks()) == path.read_bytes()
    told = [(entry["event"], entry.get("caller"), entry.get("count")) for entry in entries(path)]
    assert told == [
        ("unlogged", "adversary", 2),
        ("unlogged", "cbig", 1),
        ("state", None, None),
        ("unlogged", "adversary", 1),
    ]


def test_an_excerpt_is_short_printable_ascii() -> None:
    assert excerpt("/a/\x1b[2Jé\n") == "/a/\\x1b[2J\\xe9\\n"
    assert len(excerpt("x" * 10_000)) == 100
    assert excerpt("\ud800").isprintable()
