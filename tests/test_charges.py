import logging
from pathlib import Path

import pytest

from leakdrill.charges import Charge, append, begin
from leakdrill.errors import InvalidInput

CHARGE = Charge(caller="adversary", model="source", output="scores", num_examples=7, key="k", request="digest")


def test_charges_come_back_as_they_were_written(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    assert begin(path, "run") == []
    charges = [CHARGE, CHARGE.model_copy(update={"key": 'with "quotes" and \\'})]
    for charge in charges:
        append(path, charge)
    assert begin(path, "run") == charges
    assert begin(path, "another") == []


def test_a_torn_last_line_is_dropped_and_the_next_one_is_whole(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "ledger.jsonl"
    begin(path, "run")
    append(path, CHARGE)
    with path.open("ab") as file:
        file.write(b'{"caller": "adver')
    with caplog.at_level(logging.WARNING):
        assert begin(path, "run") == [CHARGE]
    assert "torn line" in caplog.text
    append(path, CHARGE)
    assert begin(path, "run") == [CHARGE, CHARGE]


@pytest.mark.parametrize("line", [b"", b"{}", b"[1]", b"\xff", b'{"account": "run", "extra": 1}'])
def test_a_damaged_line_is_found_and_located(tmp_path: Path, line: bytes) -> None:
    path = tmp_path / "ledger.jsonl"
    begin(path, "run")
    with path.open("ab") as file:
        file.write(line + b"\n")
    append(path, CHARGE)
    with pytest.raises(InvalidInput, match=r"line 2 of .*ledger.jsonl is no line of a ledger"):
        begin(path, "run")


def test_a_full_disk_is_an_error_and_writes_nothing() -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("this system has no /dev/full")
    with pytest.raises(OSError, match="No space left"):
        append(full, CHARGE)
