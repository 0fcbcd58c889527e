"""A party's audit log: who called what and what came of it, one JSON line each, chained so that changes show.

    {"seq": 7, "previous": "<SHA-256>", "time": "...", "drill": "quickstart-...", "event": "call", "listener": "public",
     "caller": "adversary", "method": "/inference.GRPCInferenceService/ModelInfer", "status": "OK"}

`previous` is the SHA-256 of the line before it, without its newline; in the first line, of the drill's id. Whoever
holds the last line's hash therefore notices any change before it (leakdrill.referee.chain). Events: "call", when it has
ended ("error" says why it was refused, "path" what was asked for where there is no such method); "state"; "restarted",
with what of a line torn by a crash was "torn" off; "unlogged", the "count" of calls of which there is no line. Never
what a call carried.
"""

import contextlib
import hashlib
import json
import threading
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from leakdrill import lines
from leakdrill.errors import PartyUnavailable

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
    other drills are kept beside it, as audit-<hash of the drill's id>.jsonl. Whatever writes raises PartyUnavailable
    when the disk does not take it, and then has written nothing.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._drill = NO_DRILL
        self._has_begun = False
        self._fails = False  # the disk did not take the last line
        self._early: list[dict[str, Any]] = []
        self._unlogged: Counter[str] = Counter()  # calls, by caller, since the last line
        if path.exists():
            self._drill = _drill_of(path)
            self._go_on()

    def begin(self, drill: str) -> None:
        """Goes on with the log of `drill`, or starts it."""
        with self._lock:
            if not self._has_begun or drill != self._drill:
                if drill != self._drill and self._path.exists():
                    self._path.rename(self._kept())
                self._drill, self._has_begun = drill, False
                with contextlib.suppress(FileNotFoundError):
                    self._kept().rename(self._path)
                self._go_on()
            self._write_held()

    def record(self, event: str, **fields: str) -> None:
        """Appends one line. It is in the operating system's hands when this returns, though not yet on the disk."""
        entry = {"time": _now(), "event": event, **fields}
        with self._lock:
            if self._has_begun:
                self._write_held()
                self._write(entry)
            elif len(self._early) < MAX_EARLY:
                self._early.append(entry)
            else:
                self._unlogged[fields.get("caller", "")] += 1

    def leave_out(self, caller: str) -> None:
        """Counts a call of `caller` without a line of its own. The next line that is written comes after the count."""
        with self._lock:
            self._unlogged[caller] += 1

    def check(self) -> None:
        """Raises PartyUnavailable while the disk takes no lines: what cannot be audited must not be answered."""
        with self._lock:
            if self._fails and self._has_begun:
                self._write_held()

    def chunks(self) -> Iterator[bytes]:
        """The log as it stands now, in pieces of at most CHUNK_BYTES. Nothing before a drill begins."""
        with self._lock:
            if self._has_begun:
                self._write_held()
            left = self._path.stat().st_size if self._has_begun else 0
        if left:
            with self._path.open("rb") as file:
                while left and (chunk := file.read(min(left, CHUNK_BYTES))):
                    left -= len(chunk)
                    yield chunk

    def _kept(self) -> Path:
        """Where this drill's log is while another's is being written."""
        return self._path.with_stem(f"{self._path.stem}-{digest(self._drill.encode())[:16]}")

    def _go_on(self) -> None:
        torn = lines.cut_torn(self._path).decode("utf-8", "backslashreplace")
        self._path.touch()
        written = self._path.read_bytes().split(b"\n")[:-1]
        self._seq = len(written)
        self._head = digest(written[-1] if written else self._drill.encode())
        if written or torn:
            self._write({"time": _now(), "event": "restarted", **({"torn": excerpt(torn)} if torn else {})})
        self._has_begun = True

    def _write_held(self) -> None:
        """What is to be said before the next line."""
        while self._early:
            self._write(self._early[0])
            del self._early[0]
        while self._unlogged:
            caller, count = next(iter(self._unlogged.items()))
            self._write({"time": _now(), "event": "unlogged", "caller": caller, "count": count})
            del self._unlogged[caller]

    def _write(self, entry: dict[str, Any]) -> None:
        line = json.dumps({"seq": self._seq, "previous": self._head, "drill": self._drill, **entry}).encode()
        try:
            lines.append(self._path, line)
        except OSError as error:
            self._fails = True
            raise PartyUnavailable(f"the audit log cannot be written: {error.strerror}") from error
        self._fails = False
        self._seq += 1
        self._head = digest(line)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds")


def excerpt(text: str) -> str:
    """The start of what a stranger made up, in printable ASCII."""
    return ascii(text[:MAX_EXCERPT])[1:-1]


def _drill_of(path: Path) -> str:
    """The drill of the log at `path`, as its first line has it; NO_DRILL when that line is not one of ours."""
    with path.open("rb") as file, contextlib.suppress(json.JSONDecodeError, UnicodeDecodeError, KeyError, TypeError):
        return str(json.loads(file.readline())["drill"])
    return NO_DRILL
