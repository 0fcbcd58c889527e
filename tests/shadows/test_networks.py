import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import numpy as np
import pytest
from torch import nn

from leakdrill.contract.worlds import ARCH, NUM_CLASSES, images
from leakdrill.data.examples import Examples
from leakdrill.defences import OutputNoise
from leakdrill.defences.training import EarlyStopping
from leakdrill.errors import PartyUnavailable
from leakdrill.models.cache import ModelCache
from leakdrill.models.fit import Fit
from leakdrill.shadows import (
    Beside,
    FromScratch,
    Shadows,
    Shown,
    TrainedWith,
    draw_shadow_sets,
    train_shadow_networks,
)


@dataclass(frozen=True)
class Dies:
    """A recipe that takes its process with it."""

    def make(self, train: Examples, seed: int) -> nn.Module:
        os._exit(3)

    def portable(self, directory: Path) -> Self:
        return self


@dataclass(frozen=True)
class TakesForever:
    """A recipe that says which process is at work, and never comes to an end."""

    directory: Path

    def make(self, train: Examples, seed: int) -> nn.Module:
        (self.directory / str(os.getpid())).touch()
        time.sleep(600)
        raise AssertionError("should have been ended")

    def portable(self, directory: Path) -> Self:
        return self


def shadows(recipe: object = None) -> Shadows:
    """By default with defences, which take examples beside the training set."""
    generator = np.random.default_rng(1)
    train, test, others = (images(generator, 10) for _ in range(3))
    stopped = TrainedWith((EarlyStopping(patience=1),), Beside.of(others))
    recipe = recipe or FromScratch(ARCH, NUM_CLASSES, Fit(epochs=2, batch_size=16), stopped)
    shown = Shown((OutputNoise(),), Beside.of(others))
    return Shadows(recipe, train, test, draw_shadow_sets(train, test, 3, 20, seed=2), 3, shown)  # type: ignore[arg-type]


def nothing(fraction: float, message: str) -> None:
    pass


def test_networks_that_were_kept_are_not_trained_again_and_answer_the_same(tmp_path: Path) -> None:
    fresh = train_shadow_networks(shadows(), 1, nothing)
    kept = replace(shadows(), cache=ModelCache(tmp_path))
    first = train_shadow_networks(kept, 1, nothing)
    made = {path: path.stat().st_mtime_ns for path in tmp_path.glob("*/meta.json")}
    assert len(made) == 3
    again = train_shadow_networks(kept, 1, nothing)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.glob("*/meta.json")} == made
    np.testing.assert_array_equal(first.scores, again.scores)
    np.testing.assert_array_equal(first.scores, fresh.scores)


def test_workers_change_the_time_and_nothing_else() -> None:
    told: list[tuple[float, str]] = []
    here = train_shadow_networks(shadows(), 1, nothing)
    elsewhere = train_shadow_networks(shadows(), 2, lambda *progress: told.append(progress))
    np.testing.assert_array_equal(elsewhere.scores, here.scores)
    np.testing.assert_array_equal(elsewhere.labels, here.labels)
    assert here.scores.shape == (2 * 3 * 20, NUM_CLASSES)
    assert told[-1] == (1.0, "shadow model 3 of 3")
    assert len(told) == 3


def test_a_worker_that_dies_is_reported_with_what_to_do() -> None:
    with pytest.raises(PartyUnavailable, match=r"lower adversary\.workers"):
        train_shadow_networks(shadows(Dies()), 2, nothing)


def test_workers_die_with_the_process_that_started_them(tmp_path: Path) -> None:
    at_work = tmp_path / "at_work"
    at_work.mkdir()
    script = f"""
import sys; sys.path[:0] = {sys.path!r}
from pathlib import Path
from tests.shadows.test_networks import TakesForever, nothing, shadows, train_shadow_networks
if __name__ == "__main__":
    train_shadow_networks(shadows(TakesForever(Path({str(at_work)!r}))), 2, nothing)
"""
    (tmp_path / "parent.py").write_text(script)
    parent = subprocess.Popen([sys.executable, tmp_path / "parent.py"])
    try:
        wait_for(lambda: len(list(at_work.iterdir())) == 2)
    finally:
        parent.kill()
        parent.wait()
    wait_for(lambda: not any(is_running(worker.name) for worker in at_work.iterdir()))


def is_running(pid: str) -> bool:
    try:
        status = Path("/proc", pid, "status").read_text()
    except (FileNotFoundError, ProcessLookupError):  # the latter where it ends between two of these steps
        return False
    return "State:\tZ" not in status  # ended, but nobody has asked how


def wait_for(condition: Callable[[], bool], seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)
