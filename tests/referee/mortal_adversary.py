"""Starts the adversary as services.adversary does, with its options, and has it die as soon as it has done something.

Not killed from outside, where it may have gone on, or have finished, before a test on a busy machine sees that it is
time: it dies, as by SIGKILL, when a method has returned for the so-many-th time.

    mortal_adversary.py MODULE CLASS METHOD TIMES --home ...
"""

import itertools
import os
import runpy
import signal
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from leakdrill.referee.local import party_command


def dying_after(method: Callable[..., Any], times: int) -> Callable[[str], list[str]]:
    """The command of parties of which the adversary dies when `method` of a class has returned so many times."""
    owner, name = method.__qualname__.split(".")
    adversary = [sys.executable, str(Path(__file__)), method.__module__, owner, name, str(times)]
    return lambda party: adversary if party == "adversary" else list(party_command(party))


def die_after(module: str, owner: str, name: str, times: str) -> None:
    kind = getattr(import_module(module), owner)
    method, returned = getattr(kind, name), itertools.count(1)

    def mortal(*arguments: Any, **options: Any) -> Any:
        result = method(*arguments, **options)
        if next(returned) == int(times):
            for process in (
                os.getppid(),
                os.getpid(),
            ):  # whom the referee started (leakdrill.parties.succession), first
                os.kill(process, signal.SIGKILL)
        return result

    setattr(kind, name, mortal)


if __name__ == "__main__":
    die_after(*sys.argv[1:5])
    del sys.argv[1:5]
    runpy.run_module("services.adversary", run_name="__main__")
