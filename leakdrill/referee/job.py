"""A process that plays cells of a sweep, with parties of its own: python -m leakdrill.referee.job RUN SEAT.

It reads the names of cells from its standard input, a line each, and answers on its standard output with JSON lines:
{"fraction": 0.5, "message": "attack gap: gap"} as it goes, and {"verdict": "met"} at a cell's end. When its input
closes, it stops, whatever it is doing: whoever started it has gone, or has nothing more to play.
"""

import json
import logging
import os
import signal
import sys
import threading
import time
from pathlib import Path
from queue import SimpleQueue
from typing import TextIO

import torch

from leakdrill.locks import locked
from leakdrill.referee.cells import local_parties, play_cell, revive
from leakdrill.referee.console import SilentObserver
from leakdrill.referee.recording import recorded_cell
from leakdrill.referee.truth import load_split_key

INTERVAL_SECONDS = 0.2  # between two words about the same step


def main(run_dir: Path, seat: str) -> None:
    """Until the standard input closes."""
    out = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # nothing else may be taken for an answer
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    torch.set_num_threads(1)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell starts what it puts in the background without
    names = SimpleQueue[str]()
    threading.Thread(target=_listen, args=(names, threading.main_thread()), daemon=True).start()
    try:
        _play(run_dir, seat, names, out)
    except KeyboardInterrupt:
        logging.info("stopped")


def _play(run_dir: Path, seat: str, names: "SimpleQueue[str]", out: TextIO) -> None:
    split_key = load_split_key(run_dir / "truth")
    # a job that was here before, and whose sweep was killed, may not have left yet
    with locked(run_dir / "seats" / seat / "lock"), local_parties(run_dir, seat) as parties:
        while True:
            name = names.get()
            revive(parties)
            found = play_cell(recorded_cell(run_dir, name), run_dir, split_key, parties, _Telling(out))
            _say(out, verdict=found.verdict)


def _listen(names: "SimpleQueue[str]", main_thread: threading.Thread) -> None:
    for line in sys.stdin:
        names.put(line.rstrip("\n"))
    signal.pthread_kill(main_thread.ident or 0, signal.SIGINT)


class _Telling(SilentObserver):
    """Says how far the cell is as a whole."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._index, self._total, self._description = 0, 1, "dealing the data"
        self._last_said = 0.0

    def step(self, index: int, total: int, description: str) -> None:
        self._index, self._total, self._description = index, total, description
        self._last_said = 0.0
        self.progress("", 0.0, "")

    def progress(self, party: str, fraction: float, message: str) -> None:
        now = time.monotonic()
        if now - self._last_said >= INTERVAL_SECONDS:
            self._last_said = now
            whole = (self._index + fraction) / self._total
            _say(self._out, fraction=min(whole, 0.999), message=self._description)  # 1 is a cell that was judged


def _say(out: TextIO, **words: object) -> None:
    out.write(json.dumps(words) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
