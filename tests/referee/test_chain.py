"""A log that is tampered with in every way, and where the fault is found."""

import json
from pathlib import Path

import pytest

from leakdrill.network.audit import AuditLog, digest
from leakdrill.referee.chain import End, Fault, end_of, first_fault, lines_of

DRILL = "drill-1"


@pytest.fixture
def lines(tmp_path: Path) -> list[bytes]:
    """Six lines of a true log."""
    log = AuditLog(tmp_path / "audit.jsonl")
    log.begin(DRILL)
    for number in range(6):
        log.record("call", caller="adversary", method=f"/a.B/C{number}", status="OK")
    return (tmp_path / "audit.jsonl").read_bytes().splitlines()


def log_of(lines: list[bytes]) -> bytes:
    return b"".join(line + b"\n" for line in lines)


def fault(lines: list[bytes], written: list[bytes]) -> tuple[int, str] | None:
    """Where and what, for a log whose end was recorded when it was `written`."""
    found = first_fault(log_of(lines), DRILL, [end_of(log_of(written), DRILL)])
    return (found.line, found.what.partition(":")[0].partition(",")[0]) if found else None


def forged(seq: int, previous: str) -> bytes:
    entry = {"seq": seq, "previous": previous, "time": "2026-01-01T00:00:00+00:00", "drill": DRILL, "event": "call"}
    return json.dumps(entry).encode()


def mended(lines: list[bytes]) -> list[bytes]:
    """All hashes and numbers made anew, as one who can write the whole file would."""
    previous, new = digest(DRILL.encode()), []
    for seq, line in enumerate(lines):
        new.append(json.dumps(json.loads(line) | {"seq": seq, "previous": previous}).encode())
        previous = digest(new[-1])
    return new


def test_a_true_log_has_no_fault(lines: list[bytes]) -> None:
    assert fault(lines, lines) is None
    assert first_fault(b"", DRILL, [End(0, digest(DRILL.encode()))]) is None


def test_the_same_log_under_another_drills_name_is_a_fault(lines: list[bytes]) -> None:
    assert first_fault(log_of(lines), "drill-2") == Fault(1, "changed: it does not carry the hash of what is before it")


@pytest.mark.parametrize("index", range(6))
def test_a_changed_line_is_located(lines: list[bytes], index: int) -> None:
    tampered = [*lines]
    tampered[index] = lines[index].replace(b"adversary", b"referee")
    assert fault(tampered, lines) == (index + 1, "changed")


@pytest.mark.parametrize("index", range(6))
def test_a_line_that_is_no_longer_json_is_located(lines: list[bytes], index: int) -> None:
    tampered = [*lines]
    tampered[index] = b"\xff" + lines[index][1:]
    assert fault(tampered, lines) == (index + 1, "changed" if index < 5 else "cut off in its middle")


@pytest.mark.parametrize("index", range(1, 5))
def test_a_changed_hash_is_located(lines: list[bytes], index: int) -> None:
    tampered = [*lines]
    tampered[index] = lines[index].replace(digest(lines[index - 1]).encode(), b"0" * 64)
    assert fault(tampered, lines) == (index + 1, "changed")


@pytest.mark.parametrize("index", range(6))
def test_a_changed_number_is_located(lines: list[bytes], index: int) -> None:
    tampered = [*lines]
    tampered[index] = lines[index].replace(b'"seq": %d' % index, b'"seq": 70')
    assert fault(tampered, lines) == (index + 1, "changed")


@pytest.mark.parametrize("index", range(5))
def test_removed_lines_are_located(lines: list[bytes], index: int) -> None:
    assert fault(lines[:index] + lines[index + 1 :], lines) == (index + 1, "removed")
    if index < 4:
        found = first_fault(log_of(lines[:index] + lines[index + 2 :]), DRILL)
        assert found == Fault(index + 1, "removed: 2 lines stood before it")


@pytest.mark.parametrize("index", range(6))
def test_an_inserted_line_is_located_whatever_hash_it_carries(lines: list[bytes], index: int) -> None:
    true = digest(lines[index - 1] if index else DRILL.encode())
    for line in (forged(index, true), forged(index, "0" * 64), lines[index - 2], b"anything"):
        assert fault([*lines[:index], line, *lines[index:]], lines) == (index + 1, "inserted")


def test_several_inserted_lines_are_located_at_the_first(lines: list[bytes]) -> None:
    first = forged(2, digest(lines[1]))
    second = forged(3, digest(first))
    assert fault([*lines[:2], first, second, *lines[2:]], lines) == (3, "inserted")


def test_a_line_after_the_recorded_end_is_located(lines: list[bytes]) -> None:
    assert fault([*lines, forged(6, digest(lines[-1]))], lines) == (7, "inserted")


@pytest.mark.parametrize("index", range(5))
def test_swapped_lines_are_located(lines: list[bytes], index: int) -> None:
    swapped = [*lines[:index], lines[index + 1], lines[index], *lines[index + 2 :]]
    assert fault(swapped, lines) == (index + 1, "moved")


def test_a_line_moved_to_the_end_is_located_where_it_is_missing(lines: list[bytes]) -> None:
    assert fault([lines[0], *lines[2:], lines[1]], lines) == (2, "moved")


@pytest.mark.parametrize("left", range(6))
def test_a_cut_tail_is_found_by_what_the_referee_recorded(lines: list[bytes], left: int) -> None:
    assert fault(lines[:left], lines) == (left, "cut off after it")
    assert first_fault(log_of(lines[:left]), DRILL) is None, "the chain alone cannot tell"


def test_a_tail_cut_in_the_middle_of_a_line_is_found_by_itself(lines: list[bytes]) -> None:
    found = first_fault(log_of(lines)[:-20], DRILL)
    assert found == Fault(6, "cut off in its middle")


def test_a_log_rewritten_from_end_to_end_is_found_by_what_the_referee_recorded(lines: list[bytes]) -> None:
    rewritten = mended(lines[:2] + lines[3:])
    assert first_fault(log_of(rewritten), DRILL) is None
    assert fault(rewritten, lines) == (5, "cut off after it")
    padded = mended([*lines[:2], forged(2, ""), *lines[3:]])
    assert fault(padded, lines) == (6, "changed")


def test_a_log_that_went_on_holds_every_end_that_was_recorded_of_it(lines: list[bytes]) -> None:
    ends = [end_of(log_of(lines[:count]), DRILL) for count in (2, 4, 6)]
    assert first_fault(log_of(lines), DRILL, ends) is None
    anew = mended([lines[1], lines[0], *lines[2:]])
    found = first_fault(log_of(anew), DRILL, ends)
    assert found is not None
    assert found.line == 2, "the earliest end that it contradicts"


def test_lines_are_those_of_the_file() -> None:
    assert lines_of(b"") == []
    assert lines_of(b"a\nb\n") == [b"a", b"b"]
    assert lines_of(b"a\nb") == [b"a", b"b"]
