from pathlib import Path

import pytest
from full_disk import disk_of

from leakdrill.lines import append, cut_torn


@pytest.mark.parametrize("sync", [False, True])
def test_lines_are_added_at_the_end(tmp_path: Path, sync: bool) -> None:
    path = tmp_path / "lines"
    for line in (b"one", b"", b"two"):
        append(path, line, sync=sync)
    assert path.read_bytes() == b"one\n\ntwo\n"


@pytest.mark.parametrize("room_bytes", [0, 1, 8])
def test_a_line_that_does_not_fit_on_the_disk_is_not_begun_and_the_next_is_whole(
    tmp_path: Path, room_bytes: int
) -> None:
    path = tmp_path / "lines"
    append(path, b"before")
    with disk_of(7 + room_bytes), pytest.raises(OSError, match=r"large|space"):
        append(path, b"too long")
    assert path.read_bytes() == b"before\n"
    append(path, b"after")
    assert path.read_bytes() == b"before\nafter\n"


@pytest.mark.parametrize(
    ("content", "whole", "torn"),
    [(b"", b"", b""), (b"a\n", b"a\n", b""), (b"a\nb", b"a\n", b"b"), (b"ab", b"", b"ab")],
)
def test_a_torn_line_is_cut_off_and_given_back(tmp_path: Path, content: bytes, whole: bytes, torn: bytes) -> None:
    path = tmp_path / "lines"
    path.write_bytes(content)
    assert cut_torn(path) == torn
    assert path.read_bytes() == whole


def test_a_file_that_is_not_there_has_no_torn_line(tmp_path: Path) -> None:
    assert cut_torn(tmp_path / "lines") == b""
    assert not (tmp_path / "lines").exists()
