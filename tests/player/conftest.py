"""The folder of a run that takes submissions, without parties: what the referee writes, for a truth made up here."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from small import small

from leakdrill.player.scores import opaque_ids
from leakdrill.player.seats import Seat, of_class, write_seats
from leakdrill.referee.journal import OPENED, Journal
from leakdrill.referee.truth import Truth, save_scenario, save_split_key

SPLIT_KEY = "a key of this test"
NUM = 40  # examples of the challenge


@pytest.fixture
def is_member() -> np.ndarray:
    return np.random.default_rng(0).permutation(np.arange(NUM) < NUM // 2)


@pytest.fixture
def ids() -> list[str]:
    return opaque_ids(SPLIT_KEY, NUM)


@pytest.fixture
def make_run(tmp_path: Path, is_member: np.ndarray) -> Callable[..., tuple[Path, tuple[Seat, ...]]]:
    """Its folder, and its seats: of players so called."""

    def make(*names: str, most: int = 3) -> tuple[Path, tuple[Seat, ...]]:
        run_dir = tmp_path / "run"
        (run_dir / "scores").mkdir(parents=True)
        save_scenario(run_dir, small())
        save_split_key(run_dir / "truth", SPLIT_KEY)
        Truth(is_member, np.arange(NUM) % 4).save(run_dir / "truth")
        Journal(run_dir / "journal.jsonl").append(OPENED, drill="d")
        seats = of_class(names, most)
        write_seats(run_dir, seats)
        return run_dir, seats

    return make


@pytest.fixture
def charge() -> Callable[[Path, str, int], None]:
    """Has a caller ask cbig so many queries, as cbig's account would say."""
    from leakdrill.parties.charges import Charge, append, begin, path_of

    def ask(run_dir: Path, caller: str, num_examples: int) -> None:
        ledger = path_of(run_dir / "parties" / "cbig" / "home" / "ledger", "d")
        ledger.parent.mkdir(parents=True, exist_ok=True)
        begin(ledger)
        append(ledger, Charge(caller=caller, model="source", output="scores", num_examples=num_examples))

    return ask
