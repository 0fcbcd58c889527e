"""The shadow models of a drill: trained once for all of its attacks, and not again when its adversary was killed."""

import os
import signal
import threading
import time
from pathlib import Path

import pytest
from small import SMALL, small

from leakdrill.referee.drill import Drill
from leakdrill.scenario.schema import Scenario

pytestmark = pytest.mark.slow

WAIT_SECONDS = 120.0
NUM_SHADOWS = 6


def scenario() -> Scenario:
    shared = {"num_shadows": NUM_SHADOWS, "fit": {"epochs": 5}}
    return small(
        cbig=SMALL["cbig"] | {"api": {"outputs": ["scores"]}},
        adversary={"query_budget": 100_000, "knows": {"shadow_examples": True, "architecture": True}, "workers": 1},
        timeline=["train_source", {"attack": {"kind": "lira", **shared}}, {"attack": {"kind": "rmia", **shared}}],
    )


def models(run_dir: Path) -> dict[str, int]:
    """When each was written, by its entry's name."""
    written = (run_dir / "parties/adversary/home/models").glob("*/meta.json")
    return {path.parent.name: path.stat().st_mtime_ns for path in written}


def kill_when_it_has_models(drill: Drill, num_models: int) -> threading.Thread:
    """SIGKILL to the adversary's process once it has trained so many."""
    (adversary,) = (process for process in drill.parties._processes if process.party == "adversary")

    def watch() -> None:
        deadline = time.monotonic() + WAIT_SECONDS
        while time.monotonic() < deadline:
            if len(models(drill.run_dir)) >= num_models:
                os.kill(adversary.pid, signal.SIGKILL)
                return
            time.sleep(0.001)

    thread = threading.Thread(target=watch)
    thread.start()
    return thread


def test_a_killed_adversary_keeps_its_shadow_models_and_two_attacks_share_them(tmp_path: Path) -> None:
    with Drill(scenario(), out=tmp_path, split_key="5eed" * 8) as drill:
        killer = kill_when_it_has_models(drill, num_models=2)
        broken = drill.run()
        killer.join()
    assert "adversary died" in (broken.error or "")
    before = models(tmp_path)
    assert 2 <= len(before) < NUM_SHADOWS
    with Drill.resume(tmp_path) as drill:
        resumed = drill.run()
    assert resumed.error is None
    assert {attack.kind for attack in resumed.attacks} == {"lira", "rmia"}
    after = models(tmp_path)
    assert len(after) == NUM_SHADOWS
    assert {name: after[name] for name in before} == before
