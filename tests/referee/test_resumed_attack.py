"""An attack whose adversary is killed half-way goes on from the answers that it had, when the run is resumed."""

import json
import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small import SMALL, small

from leakdrill.referee.auditing import audit_path
from leakdrill.referee.drill import Drill
from leakdrill.referee.local import LocalParties
from leakdrill.results import Results
from leakdrill.scenario.schema import Scenario

pytestmark = pytest.mark.slow

WAIT_SECONDS = 120.0
QUERIES = 150


def scenario() -> Scenario:
    attack = {"kind": "boundary", "queries_per_example": QUERIES, "tuning_examples": 5, "fit": {"epochs": 1}}
    knows = {"shadow_examples": True, "architecture": True}
    return small(
        data=SMALL["data"] | {"splits": SMALL["data"]["splits"] | {"source_train": 8, "source_test": 8}},
        cbig=SMALL["cbig"] | {"api": {"outputs": ["label"]}},
        adversary={"query_budget": 100_000, "knows": knows, "workers": 1},
        timeline=["train_source", {"attack": attack}],
    )


def answers(root: Path) -> list[Path]:
    return [path for path in (root / "parties/adversary/home/answers").rglob("*") if path.is_file()]


def kill_when_it_has_answers(drill: Drill, num_bytes: int) -> threading.Thread:
    """SIGKILL to the adversary's process once its answers fill so many bytes."""
    (adversary,) = (process for process in drill.parties._processes if process.party == "adversary")

    def watch() -> None:
        deadline = time.monotonic() + WAIT_SECONDS
        while time.monotonic() < deadline:
            if sum(path.stat().st_size for path in answers(drill.run_dir)) > num_bytes:
                os.kill(adversary.pid, signal.SIGKILL)
                return
            time.sleep(0.002)

    thread = threading.Thread(target=watch)
    thread.start()
    return thread


def num_asked(run_dir: Path) -> int:
    """Calls of cbig's model in all starts of the drill, by its audit log."""
    lines = audit_path(run_dir, "cbig").read_text().splitlines()
    return sum("ModelInfer" in json.dumps(json.loads(line)) for line in lines)


def verdict(run_dir: Path) -> dict[str, Any]:
    with np.load(run_dir / "scores" / "boundary-0.npz", allow_pickle=False) as arrays:
        return {name: arrays[name].tolist() for name in arrays.files}


def test_a_killed_adversary_goes_on_from_its_answers_and_pays_for_nothing_twice(
    parties: LocalParties, tmp_path: Path
) -> None:
    whole_dir, broken_dir = tmp_path / "whole", tmp_path / "broken"
    with Drill(scenario(), out=whole_dir, split_key="5eed" * 8, parties=parties) as drill:
        whole = drill.run()
        whole_ledger = drill.queries()
    assert whole.error is None
    assert answers(parties.credentials_dir("adversary").parents[2]) == []  # delivered
    with Drill(scenario(), out=broken_dir, split_key="5eed" * 8) as drill:
        killer = kill_when_it_has_answers(drill, num_bytes=3000)
        broken = drill.run()
        killer.join()
    assert "adversary died" in (broken.error or "")
    asked_before, had = num_asked(broken_dir), sum(path.stat().st_size for path in answers(broken_dir))
    assert 0 < asked_before < num_asked(whole_dir)
    assert had > 3000
    with answers(broken_dir)[0].open("ab") as file:
        file.write(b"\x00" * 20)  # a record that was half written
    with Drill.resume(broken_dir) as drill:
        resumed: Results = drill.run()
        assert drill.queries() == whole_ledger
    assert verdict(broken_dir) == verdict(whole_dir)
    (of_whole,), (of_resumed,) = whole.attacks, resumed.attacks
    assert of_resumed.queries == of_whole.queries == whole_ledger
    assert of_resumed.curve == of_whole.curve
    # but for what was on its way when the adversary died, nothing was asked a second time
    assert num_asked(whole_dir) <= num_asked(broken_dir) <= num_asked(whole_dir) + 4
    assert answers(broken_dir) == []
