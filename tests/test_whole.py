from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from full_disk import disk_of

from leakdrill import whole


def test_what_is_written_takes_the_place_of_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    for content in (b"first", b"second"):
        whole.write(path, content)
        assert path.read_bytes() == content
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_leaves_what_was_there_and_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "split_key"
    whole.write(path, b"a key")
    with disk_of(100), pytest.raises(OSError, match="File too large"):
        whole.write(path, bytes(1000))
    assert path.read_bytes() == b"a key"
    assert list(tmp_path.iterdir()) == [path]


def test_a_private_file_is_its_owners_alone_whoever_could_read_the_one_before(tmp_path: Path) -> None:
    path = tmp_path / "scenario.json"
    whole.write(path, b"{}")
    path.chmod(0o644)
    whole.write(path, b"{}", whole.PRIVATE)
    assert path.stat().st_mode & 0o777 == 0o600


def test_of_several_who_settle_a_file_at_once_one_has_its_way_with_all(tmp_path: Path) -> None:
    path = tmp_path / "sweep.json"
    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(lambda number: whole.settle(path, b"%d" % number), range(8)))
    assert found == {path.read_bytes()}
    assert whole.settle(path, b"later") == path.read_bytes()
    assert list(tmp_path.iterdir()) == [path]
