import logging
from pathlib import Path

import pytest

from leakdrill.errors import InvalidInput
from leakdrill.parties.charges import Charge, append, begin, path_of

CHARGE = Charge(caller="adversary", model="source", output="scores", num_examples=7, key="k", request="digest")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = path_of(tmp_path, "run")
    assert begin(path) == []
    return path


def test_charges_come_back_as_they_were_written(path: Path) -> None:
    charges = [CHARGE, CHARGE.model_copy(update={"key": 'with "quotes" and \\'})]
    for charge in charges:
        append(path, charge)
    assert begin(path) == charges


def test_every_account_has_a_file_in_the_directory_whatever_its_name(tmp_path: Path) -> None:
    paths = {path_of(tmp_path, account) for account in ("", "run", "run/", "../run", "r" * 1000, "\0")}
    assert len(paths) == 6
    assert {path.parent for path in paths} == {tmp_path}


def test_a_torn_last_line_is_dropped_and_the_next_one_is_whole(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    append(path, CHARGE)
    with path.open("ab") as file:
        file.write(b'{"caller": "adver')
    with caplog.at_level(logging.WARNING):
        assert begin(path) == [CHARGE]
    assert "torn line" in caplog.text
    append(path, CHARGE)
    assert begin(path) == [CHARGE, CHARGE]


@pytest.mark.parametrize(
    "line", [b"", b"{}", b"[1]", b"\xff", CHARGE.model_dump_json().encode()[:-1] + b', "extra": 1}']
)
def test_a_damaged_line_is_found_and_located(path: Path, line: bytes) -> None:
    append(path, CHARGE)
    with path.open("ab") as file:
        file.write(line + b"\n")
    append(path, CHARGE)
    with pytest.raises(InvalidInput, match=r"line 2 of .*\.jsonl is no line of a ledger"):
        begin(path)


def test_a_full_disk_is_an_error() -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("this system has no /dev/full")
    with pytest.raises(OSError, match="No space left"):
        append(full, CHARGE)
