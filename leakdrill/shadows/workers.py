"""Worker processes in which shadow networks are trained.

They are spawned, never forked (a fork under a live gRPC server hangs), and compute on one thread each. A start takes
seconds, so they stay for the next attack. Examples reach them as memory-mapped files: however many workers there are,
the images are in memory once.
"""

import os
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch

from leakdrill.data.examples import Examples
from leakdrill.errors import PartyUnavailable
from leakdrill.models.device import choose, current

Report = Callable[[int], None]  # told how many are done
Saved = tuple[Path, Path]  # the files of inputs and of labels
C = TypeVar("C")
T = TypeVar("T")

_PARTS = 16  # of the items, for each worker: what the work is on is sent with each


def map_in_workers(
    function: Callable[[C, int], T],
    items: Iterable[int],
    num_workers: int,
    load: Callable[..., C],
    arguments: tuple[Any, ...],
    report: Report,
) -> list[T]:
    """function(load(*arguments), item) of each item, in their order, from `num_workers` processes.

    All of these are pickled. Raises what `function` raised first, and PartyUnavailable if a worker dies.
    """
    items = list(items)
    size = max(1, len(items) // (_PARTS * num_workers))
    with ExitStack() as undo:
        undo.callback(_dismiss)  # after a failure some are dead, or at work on what nobody wants
        pool = _hired(num_workers)
        futures = [
            pool.submit(_work, function, items[first : first + size], load, arguments)
            for first in range(0, len(items), size)
        ]
        num_done = 0
        try:
            for future in as_completed(futures):
                num_done += len(future.result())  # fails at the first failure, not after all submitted before it
                report(num_done)
        except BrokenProcessPool as error:
            raise PartyUnavailable(
                f"one of {num_workers} shadow training processes died, perhaps for want of memory: "
                "lower adversary.workers or the batch size"
            ) from error
        undo.pop_all()
    return [result for future in futures for result in future.result()]


def save_examples(examples: Examples, stem: Path) -> Saved:
    inputs, labels = stem.with_suffix(".inputs.npy"), stem.with_suffix(".labels.npy")
    np.save(inputs, examples.inputs)
    np.save(labels, examples.labels)
    return inputs, labels


def load_examples(files: Saved) -> Examples:
    """As saved, the inputs a read-only memory map."""
    inputs, labels = files
    return Examples(np.load(inputs, mmap_mode="r", allow_pickle=False), np.load(labels, allow_pickle=False))


class _Workers:
    """Processes that live no longer than this one, whatever kills it.

    Each holds the reading end of a pipe whose writing end is here: when that closes, they end.
    """

    def __init__(self, num: int) -> None:
        context = get_context("spawn")
        self.num, self.device = num, str(current())
        self._lifeline, self._held_here = context.Pipe(duplex=False)
        self.pool = ProcessPoolExecutor(num, context, _start_worker, (self._lifeline, self.device))

    def end(self) -> None:
        self._held_here.close()
        self.pool.shutdown(cancel_futures=True)
        self._lifeline.close()


_workers: _Workers | None = None  # this process's: its compute thread alone asks for them


def _hired(num: int) -> ProcessPoolExecutor:
    """A pool of at least so many, on this process's device."""
    global _workers
    if _workers is None or _workers.num < num or _workers.device != str(current()):
        _dismiss()
        _workers = _Workers(num)
    return _workers.pool


def _dismiss() -> None:
    global _workers
    workers, _workers = _workers, None
    if workers is not None:
        workers.end()


# In a worker process:


def _start_worker(lifeline: Connection, device: str) -> None:
    threading.Thread(target=_die_with, args=(lifeline,), daemon=True).start()
    torch.set_num_threads(1)
    choose(device)


def _work(
    function: Callable[[C, int], T], part: list[int], load: Callable[..., C], arguments: tuple[Any, ...]
) -> list[T]:
    loaded = load(*arguments)
    return [function(loaded, item) for item in part]


def _die_with(lifeline: Connection) -> None:
    lifeline.poll(None)  # nothing is ever sent: it returns when the other end is closed
    os._exit(1)
