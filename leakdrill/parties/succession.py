"""A process that is followed by a fresh one when it says so: nothing in its memory, and all but its audit log wiped.

So that each fold of an attack is played by an adversary who never saw another fold. The party runs in a child of a
process which has imported everything, which takes seconds, and does nothing else: a successor is there at once.

That is for honest code with state of its own. Hostile code in one generation can leave a word for the next: in the
audit log, in a process that it leaves behind, or wherever else its user may write. Local processes can write all over
the disk; a container has its home and a /tmp in memory, and only the next container would be clean of both.
"""

import os
import shutil
import signal
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import FrameType

SUCCEEDED = 75  # the exit code that asks for a successor
AUDIT_LOGS = "audit*.jsonl"
_PASSED_ON = (signal.SIGTERM, signal.SIGINT)


def generations(home: Path, between: Callable[[], None]) -> None:
    """Returns in every new process, one after the other. The process that called it leaves as the last of them does.

    `between`: what else is to be done before each but the first. Must be called while there is a single thread.
    """
    while True:
        signal.pthread_sigmask(signal.SIG_BLOCK, _PASSED_ON)  # none must come before somebody passes it on
        alive, held = os.pipe()
        child = os.fork()
        if child:
            for number in _PASSED_ON:
                signal.signal(number, partial(_pass_on, child))
        else:
            for number in _PASSED_ON:
                signal.signal(number, signal.SIG_DFL)
            os.close(held)
            threading.Thread(target=_leave_with, args=(alive,), daemon=True).start()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _PASSED_ON)
        if not child:
            return
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        os.close(alive)
        os.close(held)
        if code != SUCCEEDED:
            _leave_like(code)
        wipe(home)
        between()


def wipe(home: Path) -> None:
    """Removes all that is in `home` but audit logs, which only ever grow. Raises OSError for what it cannot remove."""
    kept = set(home.glob(AUDIT_LOGS))
    for path in set(home.iterdir()) - kept:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def _leave_with(alive: int) -> None:
    """Ends this process when the other end of the pipe closes: the one that forked it was killed."""
    os.read(alive, 1)
    os._exit(1)


def _pass_on(child: int, number: int, _: FrameType | None) -> None:
    os.kill(child, number)


def _leave_like(code: int) -> None:
    """With the exit code of a child, or by the signal that ended it."""
    if code < 0:
        if -code != signal.SIGKILL:
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code)
