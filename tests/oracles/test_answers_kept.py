"""leakdrill/oracles/answers.py: what an attack was told, on its own disk."""

import hashlib
import logging
from pathlib import Path

import numpy as np
import pytest
from full_disk import disk_of

from leakdrill.oracles.answers import Answers, keep_only, path_of


def key(number: int) -> str:
    return hashlib.sha256(str(number).encode()).hexdigest()


def answer(number: int) -> bytes:
    return np.random.default_rng(number).integers(0, 10, 256).astype("<f4").tobytes()


def kept(path: Path, count: int) -> None:
    with Answers(path) as answers:
        for number in range(count):
            answers.keep(key(number), answer(number))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "home" / "answers" / "one"


def test_what_was_kept_is_there_again_and_more_can_be_kept(path: Path) -> None:
    kept(path, 3)
    with Answers(path) as answers:
        answers.keep(key(3), answer(3))
        assert [answers.get(key(number)) for number in range(4)] == [answer(number) for number in range(4)]
        assert answers.get(key(4)) is None
    with Answers(path) as answers:
        assert answers.num_kept == 4


def test_labels_take_less_than_two_bytes_each_and_the_owner_alone_can_look(path: Path) -> None:
    kept(path, 50)
    assert path.stat().st_size < 50 * 256 * 2
    assert path.parent.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("lost", [1, 5, 30, 100])
def test_a_record_that_is_torn_is_ignored_and_can_be_kept_anew(path: Path, lost: int) -> None:
    kept(path, 5)
    path.write_bytes(path.read_bytes()[:-lost])
    with Answers(path) as answers:
        assert [answers.get(key(number)) for number in range(5)] == [*map(answer, range(4)), None]
        answers.keep(key(4), answer(4))
    with Answers(path) as answers:
        assert answers.get(key(4)) == answer(4)


def test_from_a_damaged_record_on_nothing_is_believed(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    kept(path, 5)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0x40
    path.write_bytes(data)
    with Answers(path) as answers:
        assert answers.num_kept == 2
        assert answers.get(key(1)) == answer(1)
    assert "2 answers" in caplog.text


@pytest.mark.parametrize("rubbish", [b"\xff" * 7, b"\xff" * 500, bytes(36), bytes(500)])
def test_a_file_of_anything_else_holds_no_answers(path: Path, rubbish: bytes) -> None:
    path.parent.mkdir(parents=True)
    path.write_bytes(rubbish)
    kept(path, 2)
    with Answers(path) as answers:
        assert answers.num_kept == 2


def test_a_full_disk_is_said_once_and_stops_nothing(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with Answers(path) as answers, disk_of(700):
        for number in range(20):
            answers.keep(key(number), answer(number))
        held = answers.num_kept
        assert 1 <= held < 20
        assert answers.get(key(0)) == answer(0)
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert f"after the first {held} answers" in caplog.text
    with Answers(path) as answers:
        assert [answers.get(key(number)) for number in range(held)] == [answer(number) for number in range(held)]


def test_a_file_grows_to_its_limit_and_no_further(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with Answers(path, max_bytes=500) as answers:
        for number in range(20):
            answers.keep(key(number), answer(number))
    assert path.stat().st_size <= 500
    assert "500 bytes, the limit" in caplog.text


def test_the_answers_of_other_drills_go(tmp_path: Path) -> None:
    paths = [path_of(tmp_path, drill, scope) for drill, scope in (("a", "x/0"), ("a", "../../y/1"), ("b", "x/0"))]
    assert len(set(paths)) == 3
    for path in paths:
        kept(path, 1)
    keep_only(tmp_path, "a")
    assert [path.exists() for path in paths] == [True, True, False]
    keep_only(tmp_path / "none yet", "a")
