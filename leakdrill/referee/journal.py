"""The journal of a run: one JSON line per event, append-only, and what a stopped run resumes from."""

import json
import logging
import secrets
import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from leakdrill import lines
from leakdrill.errors import InvalidInput

log = logging.getLogger(__name__)

STEP_BEGUN = "step_begun"
OPENED = "opened"
STEP_DONE = "step_done"
PLAYING, SKIPPED, STOPPED = "playing", "skipped", "stopped"  # with the step's name, and its number from 1
JUDGED = "judged"  # with the verdict
FORKED = "forked"  # from `origin`, at the step of this `number`, with so many queries `spent` before
_HEAD = ("seq", "time", "event")


@dataclass(frozen=True)
class Entry:
    seq: int  # 0-based, without gaps
    time: str  # UTC, ISO 8601 with microseconds
    event: str
    fields: dict[str, Any]

    def to_line(self) -> str:
        head = {"seq": self.seq, "time": self.time, "event": self.event}
        return json.dumps(head | self.fields, allow_nan=False)


class Journal:
    """Appends to the journal at `path`, going on from the entries it already holds.

    An entry is on the disk when `append` returns, and there is none when it raises OSError. Several threads may append;
    several processes may not.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.entries = read(path) if path.exists() else []
        self._lock = threading.Lock()
        lines.cut_torn(path)

    def drill_id(self) -> str:
        """Under which the parties keep this run's accounts and logs, drawn once.

        Not its folder's name: that of a grid's cell says what the scenario keeps from the adversary.
        """
        opened = next((entry for entry in self.entries if entry.event == OPENED), None)
        if opened is None:
            opened = self.append(OPENED, drill=secrets.token_hex(8))
        return str(opened.fields["drill"])

    def spent_before(self) -> dict[str, int]:
        """Queries, by model, of the attacks that a fork took over from the run it comes from."""
        forked = next((entry for entry in self.entries if entry.event == FORKED), None)
        return dict(forked.fields["spent"]) if forked else {}

    def asked_in_folds(self) -> dict[str, int]:
        """Queries, by model, of attacks that this run has played in folds: each fold has a budget to itself."""
        forked = next((entry.seq for entry in self.entries if entry.event == FORKED), -1)
        return asked(self.entries[forked + 1 :], in_folds=True)

    def append(self, event: str, /, **fields: Any) -> Entry:
        """Write one entry. Fields are JSON values, and may not be called seq, time or event."""
        if taken := [name for name in _HEAD if name in fields]:
            raise ValueError(f"a journal entry has its own {taken}: call these fields something else")
        with self._lock:
            entry = Entry(len(self.entries), datetime.now(UTC).isoformat(timespec="microseconds"), event, fields)
            lines.append(self.path, entry.to_line().encode(), sync=True)
            self.entries.append(entry)
        return entry

    def done(self, key: str) -> dict[str, Any] | None:
        """The fields of the latest `step_done` entry with this `key`, or None when the step has yet to be done."""
        finished = (entry for entry in reversed(self.entries) if entry.event == STEP_DONE)
        return next((entry.fields for entry in finished if entry.fields.get("key") == key), None)


def asked(entries: Sequence[Entry], in_folds: bool = False) -> dict[str, int]:
    """Queries, by model, of all attacks that have ended, each counted once; or of those that were played in folds."""
    by_attack = {entry.fields["key"]: entry.fields for entry in entries if entry.event == STEP_DONE}
    total = Counter[str]()
    for fields in by_attack.values():
        total.update(fields.get("queries", {}) if fields.get("in_folds") or not in_folds else {})
    return dict(total)


def read(path: Path) -> list[Entry]:
    """All entries of the journal at `path`. A last line torn by a crash is dropped with a warning.

    Raises InvalidInput when any other line is not a journal entry.
    """
    text = path.read_text(encoding="utf-8", errors="replace")
    *whole, torn = text.split("\n")
    if torn:
        log.warning("%s ends in a torn line, which is dropped: %.60s", path, torn)
    return [_parse(path, number, line) for number, line in enumerate(whole, start=1)]


def _parse(path: Path, number: int, line: str) -> Entry:
    try:
        fields = json.loads(line)
        seq, time, event = (fields.pop(name) for name in _HEAD)
    except (json.JSONDecodeError, AttributeError, KeyError, TypeError) as error:
        raise InvalidInput(f"line {number} of {path} is not a journal entry: {line[:60]!r}") from error
    return Entry(seq, time, event, fields)
