import subprocess
from itertools import chain

import pytest

from leakdrill.faces import workers
from leakdrill.faces.render import encode
from leakdrill.faces.workers import encode_in_parallel

PHOTOS = [(identity, photo) for identity in range(9) for photo in range(8)]


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[subprocess.Popen[bytes]]:
    """The processes that the test starts."""
    processes: list[subprocess.Popen[bytes]] = []

    class Remembered(subprocess.Popen[bytes]):
        def __init__(self, *args: object, **kwargs: object) -> None:
            super().__init__(*args, **kwargs)  # type: ignore[call-overload]
            processes.append(self)

    monkeypatch.setattr(workers.subprocess, "Popen", Remembered)
    monkeypatch.setattr(workers, "CHUNK", 8)
    return processes


def test_processes_render_the_same_bytes_in_the_same_order(started: list[subprocess.Popen[bytes]]) -> None:
    parallel = list(chain.from_iterable(encode_in_parallel(4, PHOTOS, 32, num_processes=2)))
    assert parallel == list(encode(4, PHOTOS, 32))
    assert [process.returncode for process in started] == [0, 0]


def test_processes_end_when_the_reader_leaves_early(started: list[subprocess.Popen[bytes]]) -> None:
    chunks = encode_in_parallel(4, PHOTOS, 32, num_processes=2)
    assert next(chunks) == list(encode(4, PHOTOS[:8], 32))
    chunks.close()  # type: ignore[attr-defined]
    assert [process.returncode for process in started] == [0, 0]


def test_a_process_that_dies_is_an_error_and_no_hang(started: list[subprocess.Popen[bytes]]) -> None:
    chunks = encode_in_parallel(4, PHOTOS, 32, num_processes=1)
    next(chunks)
    started[0].kill()
    with pytest.raises(RuntimeError, match="exit code -9"):
        list(chunks)
    assert started[0].returncode is not None
