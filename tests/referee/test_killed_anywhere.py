"""A drill whose referee and parties are killed, one after the other, at every step of the quickstart, and resumed.

It is one run: at each step it is killed four times, and goes on. Then it must be what an uninterrupted run is.
"""

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from leakdrill.referee.auditing import AUDITED, audit_path, recorded_drill, recorded_ends
from leakdrill.referee.chain import first_fault
from leakdrill.referee.compare import differences
from leakdrill.results import Results
from leakdrill.scenario.loading import load_scenario

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

VICTIMS = ("referee", "cbig", "csmall", "adversary")
TINY = (
    "data={set: digits, image_size: 16, target: {classes: 2, train: 5, test: 5}, splits: {source_train: 6, "
    "source_test: 6, source_validation: 2, shadow_train: 6, shadow_test: 6}}",
    "cbig.source_model.arch={kind: small_cnn, width: 4}",
    "cbig.source_model,before,before_10x,before_full.fit.epochs=1",
    "csmall.target_model.fit.epochs=1",
    "before,before_10x,before_full,after.num_shadows=2",
    "before,before_10x,before_full,after.shadow_size=20",
    "after.head.steps=10",
    "before,before_10x,before_full,after.attack_model=entropy",  # a network there takes longer than all else
    "expect=[{claim: the images alone do not tell, that: baseline.auc < 0.99}]",
)


@dataclass
class World:
    """The process that drills are forked from, and what has been seen of models."""

    zygote: subprocess.Popen[str]
    models: dict[Path, int] = field(default_factory=dict)  # when each was written
    killed_at: int | None = None  # the step that was under way in the last life

    def hear(self) -> dict[str, Any]:
        assert self.zygote.stdout
        heard: dict[str, Any] = json.loads(self.zygote.stdout.readline())
        return heard

    def say(self, line: object = "") -> None:
        assert self.zygote.stdin
        self.zygote.stdin.write(f"{line}\n")
        self.zygote.stdin.flush()

    def live(self, run_dir: Path, step: int | None = None, victim: str = "") -> tuple[dict[str, Any], int]:
        """Play to the end, or kill the victim when the step is under way; what the referee said last, and its steps.

        Under way: at the first progress that is told of the step, or when it is over without any.
        """
        self.say(run_dir)
        last: dict[str, Any] = {}
        pids: dict[str, int] = {}
        at, self.killed_at = -1, None
        while "gone" not in (heard := self.hear()):
            last = heard
            pids = heard.get("pids", pids)
            at = heard.get("step", at)
            is_under_way = step is not None and (at > step or (at == step and "progress" in heard))
            if is_under_way and self.killed_at is None:
                os.kill(pids[victim], signal.SIGKILL)
                self.killed_at = at
            if "verdict" not in heard and not (self.killed_at is not None and victim == "referee"):
                self.say()
        assert (self.killed_at is not None) == bool(victim)
        self._check_models(run_dir)
        return last, at + 1

    def _check_models(self, run_dir: Path) -> None:
        """None that was there is made again."""
        now = {path.parent: path.stat().st_mtime_ns for path in run_dir.glob("parties/*/home/models/*/meta.json")}
        assert self.models.items() <= now.items()
        self.models = now


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    scenario = tmp_path_factory.mktemp("zygote") / "scenario.json"
    scenario.write_text(load_scenario("quickstart", [*TINY, "adversary.workers=1"]).scenario.model_dump_json())
    command = [sys.executable, str(Path(__file__).with_name("zygote.py")), str(scenario), "5eed" * 8]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as zygote:
        yield World(zygote)
        assert zygote.stdin
        zygote.stdin.close()


def test_a_run_killed_at_every_step_is_what_an_uninterrupted_one_is(world: World, tmp_path: Path) -> None:
    whole, often = tmp_path / "whole", tmp_path / "often"
    said, num_steps = world.live(whole)
    assert said["error"] is None
    models_of_whole, world.models = {path.name for path in world.models}, {}
    for step in range(num_steps):
        for victim in VICTIMS:
            said, _ = world.live(often, step, victim)
            if victim == "referee":
                assert "verdict" not in said
            elif world.killed_at != num_steps - 1:  # in the last, it may have said all that was wanted of it
                assert victim in (said["error"] or "")
    said, _ = world.live(often)
    assert said["error"] is None

    assert differences(results(whole), results(often)) == []
    for scores in (whole / "scores").iterdir():
        with np.load(scores, allow_pickle=False) as ours, np.load(often / "scores" / scores.name) as theirs:
            assert all(np.array_equal(ours[name], theirs[name]) for name in ours.files)
    assert {path.name for path in world.models} == models_of_whole
    assert charges(often) == charges(whole)
    for party in AUDITED:
        assert (
            first_fault(audit_path(often, party).read_bytes(), recorded_drill(often), recorded_ends(often)[party])
            is None
        )


def results(run_dir: Path) -> Results:
    return Results.model_validate_json((run_dir / "results.json").read_text())


def charges(run_dir: Path) -> Counter[str]:
    """Examples that were paid for, by owner and model."""
    paid: Counter[str] = Counter()
    for ledger in run_dir.glob("parties/*/home/ledger/*.jsonl"):
        for line in ledger.read_text().splitlines():
            charge = json.loads(line)
            paid[f"{ledger.parts[-4]}/{charge['model']}"] += charge["num_examples"]
    return paid
