"""Whether an audit log is the one that was written: its chain of hashes, and the ends that the referee recorded.

The chain finds a line that was changed, removed, inserted or moved. Whoever can rewrite the whole file can mend its
chain: that, and lines cut off the end, is found by what the referee recorded when it collected the log.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import AwareDatetime, ValidationError

from leakdrill.network.audit import digest
from leakdrill.spec import Spec


class Entry(Spec):
    """A line of an audit log: see leakdrill.network.audit. What does not apply to its event is empty."""

    seq: int
    previous: str
    time: AwareDatetime
    drill: str
    event: str
    listener: str = ""
    caller: str = ""
    method: str = ""
    path: str = ""
    status: str = ""
    error: str = ""
    state: str = ""
    torn: str = ""
    count: int = 0


@dataclass(frozen=True)
class End:
    """What the referee recorded of a log: how many lines it had, and the hash of the last (of the drill, if none)."""

    num_lines: int
    head: str


@dataclass(frozen=True)
class Fault:
    """The first thing that is wrong with a log. `line` counts from 1."""

    line: int
    what: str


@dataclass(frozen=True)
class _Line:
    digest: str
    entry: Entry | None  # None: not a line of an audit log

    @property
    def seq(self) -> int:
        return self.entry.seq if self.entry else -1

    @property
    def previous(self) -> str:
        return self.entry.previous if self.entry else ""


def lines_of(log: bytes) -> list[bytes]:
    """Its lines without their newlines; a last one that has none is a line too."""
    lines = log.split(b"\n")
    return lines if lines[-1] else lines[:-1]


def end_of(log: bytes, drill: str) -> End:
    lines = lines_of(log)
    return End(len(lines), digest(lines[-1] if lines else drill.encode()))


def entries_of(log: bytes) -> list[Entry]:
    """The entries of a log, without lines that are none."""
    return [entry for line in lines_of(log) if (entry := _parsed(line)) is not None]


def first_fault(log: bytes, drill: str, ends: Sequence[End] = ()) -> Fault | None:
    """The first fault of the audit log of `drill`, or None. `ends` is what was recorded of it, oldest first."""
    lines = [_Line(digest(line), _parsed(line)) for line in lines_of(log)]
    return _broken_link(lines, digest(drill.encode())) or _wrong_end(lines, digest(drill.encode()), ends)


def _broken_link(lines: list[_Line], start: str) -> Fault | None:
    """`start` is what the first line must follow."""
    before = start
    for index, line in enumerate(lines):
        if line.entry is None or line.previous != before:
            return _diagnosis(lines, index, start)
        if line.seq != index:
            return Fault(index + 1, f"changed: it follows the line before it, but says to be number {line.seq}")
        before = line.digest
    return None


def _diagnosis(lines: list[_Line], index: int, start: str) -> Fault:
    """What happened where the line at `index` does not follow the one before it, though all earlier ones do."""
    line = lines[index]
    after = lines[index + 1] if index + 1 < len(lines) else None
    before = lines[index - 1].digest if index else start
    places = {start: -1} | {each.digest: place for place, each in enumerate(lines)}
    follows = places.get(line.previous)
    if follows is not None and follows >= index:
        is_copy = sum(each.digest == line.digest for each in lines) > 1
        what = "inserted: the same stands below" if is_copy else f"moved: it follows what is now line {follows + 1}"
        return Fault(index + 1, what)
    if after is not None and after.previous == before:
        return Fault(index + 1, "inserted: the line after it follows the line before it")
    if line.entry is None:
        return Fault(index + 1, "changed: it is not a line of an audit log" if after else "cut off in its middle")
    if follows is not None:
        return Fault(follows + 2, f"inserted: line {index + 1} follows line {follows + 1 or 'nothing'}")
    if line.seq > index:
        missing = f"{line.seq - index} line{'s' if line.seq > index + 1 else ''}"
        return Fault(index + 1, f"removed: {missing} stood before it")
    if index and (after is None or after.previous == line.digest):
        return Fault(index, "changed: the line after it carries another hash of it")
    return Fault(index + 1, "changed: it does not carry the hash of what is before it")


def _wrong_end(lines: list[_Line], start: str, ends: Sequence[End]) -> Fault | None:
    """What is wrong with a log whose chain holds."""
    for end in ends:
        if len(lines) < end.num_lines:
            missing = end.num_lines - len(lines)
            return Fault(len(lines), f"cut off after it: {missing} more stood there when the referee collected the log")
        if (lines[end.num_lines - 1].digest if end.num_lines else start) != end.head:
            return Fault(
                end.num_lines, "changed, it or lines before it with all hashes mended: the referee saw another"
            )
    if ends and len(lines) > ends[-1].num_lines:
        return Fault(ends[-1].num_lines + 1, "inserted: the log ended before it when the referee collected it")
    return None


def _parsed(line: bytes) -> Entry | None:
    try:
        return Entry.model_validate_json(line)
    except ValidationError:
        return None
