"""Files of lines that are only ever appended to: a line is there whole, or not at all."""

import errno
import os
from pathlib import Path


def append(path: Path, line: bytes, *, sync: bool = False) -> None:
    """Appends `line` and its newline, or raises OSError and leaves none of it, as on a full disk.

    The line is in the operating system's hands when this returns; with `sync`, on the disk.
    """
    data = line + b"\n"
    with path.open("ab", buffering=0) as file:
        end = file.tell()
        if file.write(data) < len(data):
            file.truncate(end)
            raise OSError(errno.ENOSPC, "no space left for a line", str(path))
        if sync:
            os.fsync(file.fileno())


def cut_torn(path: Path) -> bytes:
    """Shortens the file, if there is one, to its whole lines, lest the next be glued to half of one; what was cut."""
    if not path.exists():
        return b""
    content = path.read_bytes()
    whole_bytes = content.rfind(b"\n") + 1
    if whole_bytes < len(content):
        os.truncate(path, whole_bytes)
    return content[whole_bytes:]
