"""A ledger's accounts on its party's disk: a file for each, only ever appended to, a JSON line for each charge.

A line is handed to the kernel before its request is answered, and not synced: a process that is killed loses nothing,
a machine that loses power may lose the last lines.
"""

import hashlib
import logging
from pathlib import Path

from pydantic import ValidationError

from leakdrill import lines
from leakdrill.errors import InvalidInput
from leakdrill.spec import Spec

log = logging.getLogger(__name__)


class Charge(Spec):
    """`key` is the request's idempotency key, or "", and `request` the digest of what was asked.

    `allowance` is what was paid from: "" is the drill's own, any other that of one of several fresh adversaries.
    """

    caller: str
    model: str
    output: str
    num_examples: int
    key: str = ""
    request: str = ""
    allowance: str = ""


def path_of(directory: Path, account: str) -> Path:
    """The file of `account`, whose name may be anything."""
    return directory / f"{hashlib.sha256(account.encode()).hexdigest()[:16]}.jsonl"


def begin(path: Path) -> list[Charge]:
    """The charges in the file at `path`, in order; it may now be appended to.

    Raises InvalidInput when the file is damaged. A torn last line is dropped with a warning.
    """
    path.parent.mkdir(exist_ok=True)
    if lines.cut_torn(path):
        log.warning("%s ends in a torn line, which is dropped", path)
    if not path.exists():
        return []
    with path.open("rb") as texts:
        return [_parsed(path, number, text) for number, text in enumerate(texts, start=1)]


def append(path: Path, charge: Charge) -> None:
    """Writes a whole line or, on a full disk, raises OSError and leaves none of it."""
    lines.append(path, charge.model_dump_json().encode())


def _parsed(path: Path, number: int, text: bytes) -> Charge:
    try:
        return Charge.model_validate_json(text)
    except ValidationError as error:
        raise InvalidInput(f"line {number} of {path} is no line of a ledger: {text[:60]!r}") from error
