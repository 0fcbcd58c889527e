"""Whether some process plays a run now: whoever does holds the lock of a file in the run's folder."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from leakdrill.errors import NotReady

LOCK = "drill.lock"


@contextmanager
def alone(run_dir: Path) -> Iterator[None]:
    """Holds the lock, to the end of the process at the latest. Raises NotReady while another process plays."""
    with (run_dir / LOCK).open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise NotReady(f"{run_dir} is being played by another process: wait for it, or stop it first") from None
        yield


def is_alive(run_dir: Path) -> bool:
    """Whether some process plays this run now."""
    if not (run_dir / LOCK).exists():
        return False
    with (run_dir / LOCK).open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False
