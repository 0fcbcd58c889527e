"""Files that are there whole or not at all, whoever reads them meanwhile and whatever ends the process that writes."""

import contextlib
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PRIVATE = 0o600  # for its owner alone
_ORDINARY = 0o666  # less what the process's umask takes away


def write(path: Path, content: bytes, mode: int = _ORDINARY) -> None:
    """In the place of what is there, which stays when this raises OSError. Of several at once the last has its way."""
    with _beside(path, content, mode) as part:
        part.replace(path)


def settle(path: Path, content: bytes, mode: int = _ORDINARY) -> bytes:
    """What the file has, which from now on is `content` if it is not there. Of several at once one has its way."""
    if not path.exists():
        with _beside(path, content, mode) as part, contextlib.suppress(FileExistsError):
            os.link(part, path)  # never over another's
    return path.read_bytes()


@contextmanager
def _beside(path: Path, content: bytes, mode: int) -> Iterator[Path]:
    """A file of that content in the same folder, under a name of its own, gone afterwards."""
    part = path.with_name(f"{path.name}.{secrets.token_hex(4)}.part")
    try:
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
            file.write(content)
        yield part
    finally:
        part.unlink(missing_ok=True)
