"""Whether some process plays a run now: whoever does holds the lock of a file in the run's folder."""

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from leakdrill.errors import NotReady

LOCK = "drill.lock"
PATIENCE_SECONDS = 1.0  # whoever only asks whether a run is alive holds its lock for a moment


@contextmanager
def alone(run_dir: Path) -> Iterator[None]:
    """Holds the lock, to the end of the process at the latest. Raises NotReady while another process plays."""
    with (run_dir / LOCK).open("ab") as file:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not _got_lock(file, fcntl.LOCK_EX):
            if time.monotonic() > deadline:
                raise NotReady(f"{run_dir} is being played by another process: wait for it, or stop it first")
            time.sleep(PATIENCE_SECONDS / 20)
        yield


def is_alive(run_dir: Path) -> bool:
    """Whether some process plays this run now."""
    if not (run_dir / LOCK).exists():
        return False
    with (run_dir / LOCK).open("rb") as file:
        return not _got_lock(file, fcntl.LOCK_SH)


def _got_lock(file: IO[bytes], kind: int) -> bool:
    """Takes the lock, if it can be had now."""
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
