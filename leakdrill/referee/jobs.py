"""The cells of a sweep on several processes of this machine, each with parties of its own (leakdrill.referee.job)."""

import json
import os
import subprocess
import sys
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import nullcontext, suppress
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import Any

from leakdrill.errors import PartyUnavailable
from leakdrill.referee.cells import broken
from leakdrill.referee.console import Observer
from leakdrill.referee.countdown import Countdown
from leakdrill.referee.process import ONE_THREAD
from leakdrill.referee.schedule import Schedule
from leakdrill.scenario.grid import Cell

LEAVE_SECONDS = 20.0  # a job stops its parties first
TAIL_LINES = 15

Heard = SimpleQueue[tuple["Job", dict[str, Any] | None]]  # None: the job has ended


def play_in_jobs(
    cells: Sequence[Cell], run_dir: Path, schedule: Schedule, observer: Observer, countdown: Countdown
) -> None:
    """Every cell, one in each seat of the schedule at a time. A job that dies breaks its cell; another follows."""
    waiting, heard, jobs, environment = deque(cells), Heard(), list[Job](), schedule.environment(len(cells))
    try:
        for seat in schedule.seats[: len(cells)]:
            jobs.append(Job(run_dir, seat, heard, environment))
            jobs[-1].play(waiting.popleft())
        while any(job.cell for job in jobs):
            job, said = heard.get()
            cell = job.cell
            if cell is None:
                continue
            if said and "fraction" in said:
                observer.progress(cell.name, said["fraction"], said["message"])
                continue
            verdict = said["verdict"] if said else broken(cell, run_dir, job.death()).verdict
            tell_done(cell, verdict, observer, countdown)
            if said is None and waiting:
                job.end()
                jobs[jobs.index(job)] = job = Job(run_dir, job.seat, heard, environment)
            job.play(waiting.popleft() if waiting else None)
    finally:
        _stop(jobs)


def tell_done(cell: Cell, verdict: str, observer: Observer, countdown: Countdown) -> None:
    countdown.count()
    observer.progress(cell.name, 1.0, verdict)
    observer.progress("cells", countdown.fraction, str(countdown))


class Job:
    """A process that plays one cell after another, and tells how far it is; `cell` is the one it plays."""

    def __init__(self, run_dir: Path, seat: str, heard: Heard, environment: Mapping[str, str]) -> None:
        self.seat = seat
        self.cell: Cell | None = None
        self._log_file = run_dir / "seats" / seat / "job.log"
        self._log_file.parent.mkdir(parents=True, exist_ok=True)
        with self._log_file.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-P", "-m", "leakdrill.referee.job", str(run_dir), seat],
                stdin=subprocess.PIPE,  # held open while this process lives: the job ends when it closes
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env={**os.environ, **ONE_THREAD, **environment},
                start_new_session=True,  # Ctrl-C reaches this process alone, which stops the jobs
            )
        self._listening = Thread(target=self._listen, args=(heard,), daemon=True)
        self._listening.start()

    def play(self, cell: Cell | None) -> None:
        """None: nothing more."""
        self.cell = cell
        if cell and self.process.stdin:
            with suppress(BrokenPipeError):  # that it has died is heard of by and by
                self.process.stdin.write(f"{cell.name}\n")
                self.process.stdin.flush()

    def death(self) -> PartyUnavailable:
        """Why it ended."""
        written = self._log_file.read_text(encoding="utf-8", errors="replace").splitlines()[-TAIL_LINES:]
        return PartyUnavailable(
            "\n    ".join([f"the process that played this cell ended with exit code {self.process.wait()}", *written])
        )

    def leave(self) -> None:
        """Ask it to stop, and its parties with it."""
        if self.process.stdin:
            with suppress(BrokenPipeError):
                self.process.stdin.close()

    def end(self) -> None:
        """Make sure that it has. Its parties leave when it is gone."""
        self.process.kill()
        self.process.wait()
        self._listening.join()
        self.leave()

    def _listen(self, heard: Heard) -> None:
        with self.process.stdout or nullcontext(()) as lines:
            for line in lines:
                heard.put((self, json.loads(line)))
        heard.put((self, None))


def _stop(jobs: Sequence[Job]) -> None:
    """Ask all to leave, then insist."""
    try:
        for job in jobs:
            job.leave()
        for job in jobs:
            with suppress(subprocess.TimeoutExpired):
                job.process.wait(LEAVE_SECONDS)
    finally:  # also after a second Ctrl-C
        for job in jobs:
            job.end()
