import json
import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Thread

import pytest
from full_disk import disk_of

from leakdrill.errors import InvalidInput
from leakdrill.referee.journal import Journal, read


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.jsonl"


def test_entries_come_back_in_order_with_their_fields(path: Path) -> None:
    journal = Journal(path)
    journal.append("started", seed=7)
    journal.append("dealt", split="source_train", num_examples=2000)

    entries = read(path)

    assert [(entry.seq, entry.event) for entry in entries] == [(0, "started"), (1, "dealt")]
    assert entries[1].fields == {"split": "source_train", "num_examples": 2000}


def test_an_entry_is_one_json_line_with_the_time_in_utc(path: Path) -> None:
    Journal(path).append("started", question="Was I in it?\nReally?")

    (line,) = path.read_text().splitlines()

    time = datetime.fromisoformat(json.loads(line)["time"])
    assert time.utcoffset() == timedelta(0)
    assert abs(datetime.now(UTC) - time) < timedelta(minutes=1)


def test_an_entry_is_on_the_disk_as_soon_as_append_returns(path: Path) -> None:
    journal = Journal(path)
    journal.append("started")
    assert len(read(path)) == 1


def test_a_reopened_journal_goes_on_counting(path: Path) -> None:
    Journal(path).append("started")
    assert Journal(path).append("resumed").seq == 1
    assert [entry.seq for entry in read(path)] == [0, 1]


def test_a_torn_last_line_is_dropped_with_a_warning(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    Journal(path).append("started")
    with path.open("a") as file:
        file.write('{"seq": 1, "time": "20')

    with caplog.at_level(logging.WARNING):
        entries = read(path)

    assert [entry.event for entry in entries] == ["started"]
    assert "torn line" in caplog.text


def test_what_follows_a_torn_line_is_not_glued_to_it(path: Path) -> None:
    Journal(path).append("started")
    with path.open("ab") as file:
        file.write('{"seq": 1, "claim": "é'.encode()[:-1])  # torn in the middle of a character

    Journal(path).append("resumed")

    assert [(entry.seq, entry.event) for entry in read(path)] == [(0, "started"), (1, "resumed")]


@pytest.mark.parametrize("line", ["not json", "[1, 2]", '{"seq": 0, "event": "no time"}'])
def test_a_broken_line_before_the_last_is_an_error_that_names_it(path: Path, line: str) -> None:
    Journal(path).append("started")
    path.write_text(path.read_text() + line + "\n" + path.read_text())
    with pytest.raises(InvalidInput, match=r"line 2 of .*journal\.jsonl"):
        read(path)


def test_a_step_is_done_when_its_key_was_journalled_and_the_latest_entry_counts(path: Path) -> None:
    journal = Journal(path)
    journal.append("step_started", key="attack/after")
    assert journal.done("attack/after") is None

    journal.append("step_done", key="attack/after", seconds=1.5)
    journal.append("step_done", key="attack/after", seconds=2.5)
    journal.append("step_done", key="judge")

    assert Journal(path).done("attack/after") == {"key": "attack/after", "seconds": 2.5}
    assert Journal(path).done("attack/before") is None


def test_a_field_may_not_pass_for_the_journals_own(path: Path) -> None:
    with pytest.raises(ValueError, match="time"):
        Journal(path).append("started", time="yesterday")
    assert not path.exists()


def test_a_number_that_json_has_no_word_for_is_refused_and_nothing_is_written(path: Path) -> None:
    journal = Journal(path)
    with pytest.raises(ValueError, match="JSON"):
        journal.append("judged", auc=float("nan"))
    assert journal.append("judged", auc=0.5).seq == 0
    assert len(read(path)) == 1


def test_threads_append_whole_lines_with_numbers_of_their_own(path: Path) -> None:
    journal = Journal(path)
    threads = [Thread(target=lambda: [journal.append("progress") for _ in range(20)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [entry.seq for entry in read(path)] == list(range(80))


def test_a_run_keeps_its_id_and_no_other_run_of_that_name_has_it(tmp_path: Path) -> None:
    drill = Journal(tmp_path / "journal.jsonl").drill_id()
    assert Journal(tmp_path / "journal.jsonl").drill_id() == drill
    (tmp_path / "journal.jsonl").unlink()
    again = Journal(tmp_path / "journal.jsonl").drill_id()
    assert drill != again
    assert tmp_path.name not in drill


def test_an_entry_that_the_disk_did_not_take_leaves_nothing_behind(path: Path) -> None:
    journal = Journal(path)
    journal.append("started")
    with disk_of(path.stat().st_size + 10), pytest.raises(OSError, match=r"large|space"):
        journal.append("dealt")
    assert journal.append("resumed").seq == 1
    assert [entry.event for entry in read(path)] == ["started", "resumed"]
