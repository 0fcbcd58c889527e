"""The answers that an attack has had, on its own disk, so that one which was stopped half-way goes on from there.

An attack that is played again asks the same questions in the same order, so under the same idempotency keys
(leakdrill.oracles.remote), and finds here what it was told: nothing is asked twice, and nothing is paid twice.

A file for each attack, only ever appended to. A record is the key's 32 bytes, the length of what follows in 4 (little-
endian), and the answer's bytes as a zlib stream, which ends in a checksum. A record is in the operating system's hands
when `keep` returns, and not synced: a process that is killed loses nothing, a machine that loses power may lose the
last ones, which are then asked for again, and free under their keys.
"""

import hashlib
import logging
import shutil
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

log = logging.getLogger(__name__)

MAX_BYTES = 1 << 30  # of one file; further answers are not kept
LEVEL = 1  # of compression: labels take about a byte each
_HEAD = struct.Struct("<32sI")


class Answers:
    """The answers to one attack's questions. Also a context manager, which closes the file.

    A disk without room does not stop the attack: what it is told from then on is not kept, and the log says so.
    """

    def __init__(self, path: Path, max_bytes: int = MAX_BYTES) -> None:
        """Begins the file at `path`, or goes on with it; a last record that is torn or damaged is cut off."""
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._path = path
        self._max_bytes = max_bytes
        self._is_full = False
        self._file = path.open("a+b", buffering=0)
        self._places: dict[bytes, tuple[int, int]] = {}  # key -> offset and length of its stream
        self._end = 0
        for key, stream in _whole_records(path):
            self._places[key] = (self._end + _HEAD.size, len(stream))
            self._end += _HEAD.size + len(stream)
        if self._end < path.stat().st_size:
            log.warning("%s ends in a damaged record: what follows %d answers is dropped", path, len(self._places))
            self._file.truncate(self._end)

    @property
    def num_kept(self) -> int:
        return len(self._places)

    def get(self, key: str) -> bytes | None:
        """What was kept under the key (SHA-256, in hexadecimal)."""
        place = self._places.get(bytes.fromhex(key))
        if place is None:
            return None
        offset, length = place
        self._file.seek(offset)
        return zlib.decompress(self._file.read(length))

    def keep(self, key: str, answer: bytes) -> None:
        """Records an answer, if there is room for it."""
        stream = zlib.compress(answer, LEVEL)
        record = _HEAD.pack(bytes.fromhex(key), len(stream)) + stream
        if self._is_full or not self._append(record):
            return
        self._places[bytes.fromhex(key)] = (self._end + _HEAD.size, len(stream))
        self._end += len(record)

    def close(self) -> None:
        self._file.close()

    def __enter__(self) -> "Answers":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _append(self, record: bytes) -> bool:
        reason = f"{self._max_bytes} bytes, the limit" if self._end + len(record) > self._max_bytes else ""
        try:
            if not reason and self._file.write(record) == len(record):
                return True
            self._file.truncate(self._end)  # half a record
        except OSError as error:
            reason = str(error)
            self._file.truncate(self._end)
        self._is_full = True
        log.warning(
            "%s: no room for more answers (%s). The attack goes on; if it is stopped, it will have to ask again "
            "whatever comes after the first %d answers, free of charge where their owner remembers",
            self._path,
            reason or "the disk is full",
            len(self._places),
        )
        return False


def path_of(directory: Path, drill: str, scope: str) -> Path:
    """The file of an attack, `scope`, in a drill; both may be named anything."""
    return directory / _name(drill) / _name(scope)


def keep_only(directory: Path, drill: str) -> None:
    """Removes the answers that attacks of other drills have had."""
    for other in directory.glob("*"):
        if other.name != _name(drill):
            shutil.rmtree(other)


def _name(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _whole_records(path: Path) -> Iterator[tuple[bytes, bytes]]:
    """Keys and streams, up to the first record that is not whole."""
    with path.open("rb") as file:
        while len(head := file.read(_HEAD.size)) == _HEAD.size:
            key, length = _HEAD.unpack(head)
            stream = file.read(min(length, MAX_BYTES))
            try:
                zlib.decompress(stream)
            except zlib.error:  # torn, too: a stream says where it ends
                return
            yield key, stream
