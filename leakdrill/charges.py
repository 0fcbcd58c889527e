"""A ledger's accounts on its party's disk: one file, only ever appended to, a JSON line for each charge.

A line is handed to the kernel before its request is answered, and not synced: a process that is killed loses nothing,
a machine that loses power may lose the last lines.
"""

import errno
import logging
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from leakdrill.errors import InvalidInput
from leakdrill.spec import Spec

log = logging.getLogger(__name__)


class Opened(Spec):
    """The charges that follow are of this account."""

    account: str


class Charge(Spec):
    """`key` is the request's idempotency key, or "", and `request` the digest of what was asked."""

    caller: str
    model: str
    output: str
    num_examples: int
    key: str = ""
    request: str = ""


_LINE: TypeAdapter[Opened | Charge] = TypeAdapter(Opened | Charge)


def begin(path: Path, account: str) -> list[Charge]:
    """The charges of `account` in the file at `path`, in order; those appended from now on are of that account, too.

    Raises InvalidInput when the file is damaged. A torn last line is dropped with a warning.
    """
    _cut_torn_line(path)
    charges = _read(path, account)
    append(path, Opened(account=account))
    return charges


def append(path: Path, line: Opened | Charge) -> None:
    """Writes a whole line or, on a full disk, raises OSError and leaves none of it."""
    data = line.model_dump_json().encode() + b"\n"
    with path.open("ab", buffering=0) as file:
        end = file.tell()
        if file.write(data) < len(data):
            file.truncate(end)
            raise OSError(errno.ENOSPC, "no space left for a charge", str(path))


def _read(path: Path, account: str) -> list[Charge]:
    charges: list[Charge] = []
    is_ours = False
    if not path.exists():
        return charges
    with path.open("rb") as lines:
        for number, text in enumerate(lines, start=1):
            try:
                line = _LINE.validate_json(text)
            except ValidationError as error:
                raise InvalidInput(f"line {number} of {path} is no line of a ledger: {text[:60]!r}") from error
            if isinstance(line, Opened):
                is_ours = line.account == account
            elif is_ours:
                charges.append(line)
    return charges


def _cut_torn_line(path: Path) -> None:
    """Drops a last line that was cut off, as by a loss of power."""
    data = path.read_bytes() if path.exists() else b""
    whole_lines_bytes = data.rfind(b"\n") + 1
    if whole_lines_bytes < len(data):
        log.warning("%s ends in a torn line, which is dropped", path)
        with path.open("r+b") as file:
            file.truncate(whole_lines_bytes)
