"""Worker processes in which shadow networks are trained.

They are spawned, never forked (a fork under a live gRPC server hangs), and compute on one thread each. Examples reach
them as memory-mapped files, so that however many workers there are, the images are in memory once.
"""

import os
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch

from leakdrill.data.examples import Examples
from leakdrill.errors import PartyUnavailable

Report = Callable[[int], None]  # told how many are done
Saved = tuple[Path, Path]  # the files of inputs and of labels
T = TypeVar("T")


def map_in_workers(
    function: Callable[[int], T],
    items: Iterable[int],
    num_workers: int,
    start: Callable[..., None],
    arguments: tuple[Any, ...],
    report: Report,
) -> list[T]:
    """function(item) of each, in their order, from processes that each called start(*arguments) first.

    All of these are pickled. Raises what `function` raised first, and PartyUnavailable if a worker dies.
    """
    with _spawned(num_workers, start, arguments) as pool:
        futures = [pool.submit(function, item) for item in items]
        try:
            for num_done, future in enumerate(as_completed(futures), start=1):
                future.result()  # fails at the first failure, not after all that were submitted before it
                report(num_done)
        except BrokenProcessPool as error:
            raise PartyUnavailable(
                f"one of {num_workers} shadow training processes died, perhaps for want of memory: "
                "lower adversary.workers or the batch size"
            ) from error
        return [future.result() for future in futures]


def save_examples(examples: Examples, stem: Path) -> Saved:
    inputs, labels = stem.with_suffix(".inputs.npy"), stem.with_suffix(".labels.npy")
    np.save(inputs, examples.inputs)
    np.save(labels, examples.labels)
    return inputs, labels


def load_examples(files: Saved) -> Examples:
    """As saved, the inputs a read-only memory map."""
    inputs, labels = files
    return Examples(np.load(inputs, mmap_mode="r", allow_pickle=False), np.load(labels, allow_pickle=False))


@contextmanager
def _spawned(num_workers: int, start: Callable[..., None], arguments: tuple[Any, ...]) -> Iterator[ProcessPoolExecutor]:
    """Worker processes that live no longer than this block, nor than this process, whatever kills it.

    Each holds the reading end of a pipe whose writing end is here: when that closes, they end.
    """
    context = get_context("spawn")
    lifeline, held_here = context.Pipe(duplex=False)
    pool = ProcessPoolExecutor(num_workers, context, _start_worker, (lifeline, start, arguments))
    try:
        yield pool
        pool.shutdown()
    finally:
        held_here.close()
        pool.shutdown(cancel_futures=True)
        lifeline.close()


def _start_worker(lifeline: Connection, start: Callable[..., None], arguments: tuple[Any, ...]) -> None:
    threading.Thread(target=_die_with, args=(lifeline,), daemon=True).start()
    torch.set_num_threads(1)
    start(*arguments)


def _die_with(lifeline: Connection) -> None:
    lifeline.poll(None)  # nothing is ever sent: it returns when the other end is closed
    os._exit(1)
