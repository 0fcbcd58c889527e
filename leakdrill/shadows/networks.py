"""Shadow networks trained in parallel processes, and what each answers about its own training and test examples.

Workers are spawned, never forked (a fork under a live gRPC server hangs), and compute on one thread each. The two pools
reach them as memory-mapped files, so that however many workers there are, the images are in memory once. What a shadow
answers depends on the seed and its number alone, not on how many workers there are.
"""

import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch

from leakdrill.errors import PartyUnavailable
from leakdrill.examples import Examples
from leakdrill.seeds import derive
from leakdrill.shadows.draws import Answers, Draws, Records
from leakdrill.shadows.recipes import Recipe
from leakdrill.training import Progress, predict, softmax

Report = Callable[[int], None]  # told how many shadows are done


@dataclass(frozen=True)
class Shadows:
    """All that it takes to make any one of the shadows."""

    recipe: Recipe
    train: Examples
    test: Examples
    draws: Draws
    seed: int

    def answers(self, shadow: int) -> tuple[Answers, Answers]:
        """Train shadow model number `shadow`; its scores (n, C) for its own training and for its own test examples."""
        train, test = self.train.take(self.draws.train[shadow]), self.test.take(self.draws.test[shadow])
        model = self.recipe.make(train, derive(self.seed, "shadow", str(shadow)))
        return softmax(predict(model, train.inputs)), softmax(predict(model, test.inputs))


def train_shadow_networks(shadows: Shadows, num_workers: int, progress: Progress) -> Records:
    """Make every shadow, on `num_workers` processes (1: in this one). Raises PartyUnavailable if a worker dies."""
    num_shadows = shadows.draws.num_shadows

    def report(num_done: int) -> None:
        progress(num_done / num_shadows, f"shadow model {num_done} of {num_shadows}")

    num_workers = min(num_workers, num_shadows)
    answers = _answer_here(shadows, report) if num_workers == 1 else _answer_in_processes(shadows, num_workers, report)
    seen, unseen = (np.stack(scores) for scores in zip(*answers, strict=True))
    return Records.of(seen, unseen, shadows.train, shadows.test, shadows.draws)


def _answer_here(shadows: Shadows, report: Report) -> list[tuple[Answers, Answers]]:
    answers = []
    for shadow in range(shadows.draws.num_shadows):
        answers.append(shadows.answers(shadow))
        report(len(answers))
    return answers


def _answer_in_processes(shadows: Shadows, num_workers: int, report: Report) -> list[tuple[Answers, Answers]]:
    with (
        TemporaryDirectory(prefix="leakdrill-shadows-") as directory,
        _workers(shadows, num_workers, directory) as pool,
    ):
        futures = [pool.submit(_answer, shadow) for shadow in range(shadows.draws.num_shadows)]
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


@contextmanager
def _workers(shadows: Shadows, num_workers: int, directory: str) -> Iterator[ProcessPoolExecutor]:
    """Worker processes that live no longer than this block, nor than this process, whatever kills it.

    Each holds the reading end of a pipe whose writing end is here: when that closes, they end.
    """
    files = _save(shadows.train, Path(directory, "train")), _save(shadows.test, Path(directory, "test"))
    context = get_context("spawn")
    lifeline, held_here = context.Pipe(duplex=False)
    arguments = (shadows.recipe, *files, shadows.draws, shadows.seed, lifeline)
    pool = ProcessPoolExecutor(num_workers, context, _start_worker, arguments)
    try:
        yield pool
        pool.shutdown()
    finally:
        held_here.close()
        pool.shutdown(cancel_futures=True)
        lifeline.close()


def _save(pool: Examples, stem: Path) -> tuple[Path, Path]:
    inputs, labels = stem.with_suffix(".inputs.npy"), stem.with_suffix(".labels.npy")
    np.save(inputs, pool.inputs)
    np.save(labels, pool.labels)
    return inputs, labels


# In a worker process:

_shadows: Shadows  # set once, when the worker starts


def _start_worker(
    recipe: Recipe,
    train: tuple[Path, Path],
    test: tuple[Path, Path],
    draws: Draws,
    seed: int,
    lifeline: Connection,
) -> None:
    global _shadows
    threading.Thread(target=_die_with, args=(lifeline,), daemon=True).start()
    torch.set_num_threads(1)
    _shadows = Shadows(recipe, _load(*train), _load(*test), draws, seed)


def _die_with(lifeline: Connection) -> None:
    lifeline.poll(None)  # nothing is ever sent: it returns when the other end is closed
    os._exit(1)


def _load(inputs: Path, labels: Path) -> Examples:
    return Examples(np.load(inputs, mmap_mode="r", allow_pickle=False), np.load(labels, allow_pickle=False))


def _answer(shadow: int) -> tuple[Answers, Answers]:
    return _shadows.answers(shadow)
