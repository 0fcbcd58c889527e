"""Locks between processes: a file that one of them holds at a time."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Holds the lock of the file at `path`, which is made and stays, once whoever has it lets go.

    A process that is killed lets go, so what a file says, or that there is one, means nothing.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # released when the file is closed, by whatever ends the process
        yield
