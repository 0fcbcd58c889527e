"""The cells of a sweep as tasks of Ray, which places them on a cluster's machines and plays them again if one dies.

A task is a whole cell, with parties of its own beside it; Ray never reaches inside a party. The run's folder has to be
the same on all machines, and leakdrill installed there.
"""

import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from leakdrill.errors import InvalidInput, PartyUnavailable
from leakdrill.referee.cells import broken, local_parties, play_cell
from leakdrill.referee.console import Observer, SilentObserver
from leakdrill.referee.countdown import Countdown
from leakdrill.referee.jobs import tell_done
from leakdrill.referee.process import ONE_THREAD
from leakdrill.referee.recording import recorded_cell
from leakdrill.referee.schedule import Schedule
from leakdrill.referee.truth import load_split_key
from leakdrill.scenario.grid import Cell

RETRIES = 2  # of a cell whose worker or machine died; one that breaks is a result
STORE_BYTES = 80 << 20  # Ray's least, about: a task is told a cell's name, and answers with its verdict


def play_on_ray(
    cells: Sequence[Cell], run_dir: Path, schedule: Schedule, observer: Observer, countdown: Countdown
) -> None:
    """Every cell, on the cluster at the schedule's address, or on one of this machine that has `jobs` at a time.

    Raises InvalidInput where Ray is not installed, or no cluster answers at the address.
    """
    ray = _connect(schedule, len(cells))
    try:
        play = ray.remote(num_cpus=1, max_retries=RETRIES)(_play)
        running = {play.remote(str(run_dir.resolve()), cell.name): cell for cell in cells}
        while running:
            (done, *_), _ = ray.wait(list(running), num_returns=1)
            cell = running.pop(done)
            tell_done(cell, _verdict(ray, done, cell, run_dir), observer, countdown)
    finally:
        ray.shutdown()  # its workers end, and their parties with them


def _connect(schedule: Schedule, num_cells: int) -> Any:
    try:
        import ray
    except ImportError as error:
        raise InvalidInput("--ray needs Ray: pip install 'leakdrill[ray]'") from error
    here: dict[str, Any] = {"num_cpus": schedule.jobs, "object_store_memory": STORE_BYTES, "include_dashboard": False}
    try:
        ray.init(
            address=schedule.ray,
            log_to_driver=False,
            logging_level=logging.WARNING,
            runtime_env={"env_vars": ONE_THREAD | schedule.environment(num_cells)},
            **({} if schedule.is_on_cluster else here),
        )
    except (ConnectionError, ValueError, RuntimeError) as error:
        raise InvalidInput(f"--ray {schedule.ray}: no cluster answers there: {error}") from error
    return ray


def _play(run_dir: str, name: str) -> str:
    """On a worker: the verdict. Its seat is named after the process, for one that died may still be leaving its own."""
    import torch

    torch.set_num_threads(1)
    where = Path(run_dir)
    with local_parties(where, f"ray-{os.uname().nodename}-{os.getpid()}") as parties:
        cell, split_key = recorded_cell(where, name), load_split_key(where / "truth")
        return play_cell(cell, where, split_key, parties, SilentObserver()).verdict


def _verdict(ray: Any, done: Any, cell: Cell, run_dir: Path) -> str:
    try:
        return str(ray.get(done))
    except ray.exceptions.RayError as error:
        return broken(cell, run_dir, PartyUnavailable(f"Ray could not play this cell: {error}")).verdict
