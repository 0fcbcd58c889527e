"""A party's audit log: who called what and what came of it, one JSON line each, chained so that changes show.

    {"seq": 7, "previous": "<SHA-256>", "time": "...", "drill": "quickstart-...", "event": "call", "listener": "public",
     "caller": "adversary", "method": "/inference.GRPCInferenceService/ModelInfer", "status": "OK"}

`previous` is the SHA-256 of the line before it, without its newline; in the first line, of the drill's id. Whoever
holds the last line's hash therefore notices any change before it (leakdrill.referee.chain). Events: "call", when it has
ended ("error" says why it was refused, "path" what was asked for where there is no such method); "state"; "restarted",
with what of a line torn by a crash was "torn" off; "unlogged". Never what a call carried.
"""

import contextlib
import hashlib
import json
import os
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

NO_DRILL = ""
MAX_EARLY = 1000  # lines held until a drill begins: what comes before it must not fill the memory
MAX_EXCERPT = 100  # characters of what a stranger made up
CHUNK_BYTES = 256 << 10


def digest(line: bytes) -> str:
    """What the next line says of this one."""
    return hashlib.sha256(line).hexdigest()


class AuditLog:
    """Appends to `path`, which belongs to this one process. Thread-safe.

    A log on the disk is gone on with. What happens before any drill begins is written as soon as one does. The logs of
    other drills are kept beside it, as audit-<hash of the drill's id>.jsonl.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._file: BinaryIO | None = None
        self._drill = NO_DRILL
        self._early: list[dict[str, Any]] = []
        self._num_unlogged = 0
        if path.exists():
            self._drill = _drill_of(path)
            self._open()

    def begin(self, drill: str) -> None:
        """Goes on with the log of `drill`, or starts it."""
        with self._lock:
            if self._file is None or drill != self._drill:
                self._set_aside()
                self._drill = drill
                with contextlib.suppress(FileNotFoundError):
                    self._kept().rename(self._path)
                self._open()
            self._write_early()

    def record(self, event: str, **fields: str) -> None:
        """Appends one line. It is in the operating system's hands when this returns, though not yet on the disk."""
        entry = {"time": datetime.now(UTC).isoformat(timespec="microseconds"), "event": event, **fields}
        with self._lock:
            if self._file is not None:
                self._write(entry)
            elif len(self._early) < MAX_EARLY:
                self._early.append(entry)
            else:
                self._num_unlogged += 1

    def chunks(self) -> Iterator[bytes]:
        """The log as it stands now, in pieces of at most CHUNK_BYTES. Nothing before a drill begins."""
        with self._lock:
            left = self._path.stat().st_size if self._file else 0
        if left:
            with self._path.open("rb") as file:
                while left and (chunk := file.read(min(left, CHUNK_BYTES))):
                    left -= len(chunk)
                    yield chunk

    def close(self) -> None:
        """What is recorded from now on is held until a drill begins."""
        with self._lock:
            if self._file:
                self._file.close()
                self._file = None

    def _kept(self) -> Path:
        """Where this drill's log is while another's is being written."""
        return self._path.with_stem(f"{self._path.stem}-{digest(self._drill.encode())[:16]}")

    def _set_aside(self) -> None:
        if self._file:
            self._file.close()
            self._path.rename(self._kept())

    def _open(self) -> None:
        torn = _cut_torn_line(self._path)
        lines = self._path.read_bytes().split(b"\n")[:-1] if self._path.exists() else []
        self._seq = len(lines)
        self._head = digest(lines[-1] if lines else self._drill.encode())
        self._file = self._path.open("ab")
        if lines or torn:
            now = datetime.now(UTC).isoformat(timespec="microseconds")
            self._write({"time": now, "event": "restarted", **({"torn": excerpt(torn)} if torn else {})})

    def _write_early(self) -> None:
        early, self._early = self._early, []
        for entry in early:
            self._write(entry)
        if self._num_unlogged:
            self._write({"time": early[-1]["time"], "event": "unlogged", "count": self._num_unlogged})
            self._num_unlogged = 0

    def _write(self, entry: dict[str, Any]) -> None:
        assert self._file is not None
        line = json.dumps({"seq": self._seq, "previous": self._head, "drill": self._drill, **entry}).encode()
        self._file.write(line + b"\n")
        self._file.flush()
        self._seq += 1
        self._head = digest(line)


def excerpt(text: str) -> str:
    """The start of what a stranger made up, in printable ASCII."""
    return ascii(text[:MAX_EXCERPT])[1:-1]


def _drill_of(path: Path) -> str:
    """The drill of the log at `path`, as its first line has it; NO_DRILL when that line is not one of ours."""
    with path.open("rb") as file, contextlib.suppress(json.JSONDecodeError, UnicodeDecodeError, KeyError, TypeError):
        return str(json.loads(file.readline())["drill"])
    return NO_DRILL


def _cut_torn_line(path: Path) -> str:
    """Shortens the file to its whole lines, lest the next be glued to half of one; what was cut off."""
    if not path.exists():
        return ""
    content = path.read_bytes()
    whole_bytes = content.rfind(b"\n") + 1
    os.truncate(path, whole_bytes)
    return content[whole_bytes:].decode("utf-8", "backslashreplace")
