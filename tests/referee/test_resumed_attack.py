"""An attack whose adversary is killed half-way goes on from the answers that it had, when the run is resumed."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mortal_adversary import dying_after
from small import SMALL, small

from leakdrill.oracles.answers import Answers
from leakdrill.referee.auditing import audit_path
from leakdrill.referee.drill import Drill
from leakdrill.referee.local import LocalParties
from leakdrill.results import Results
from leakdrill.scenario.schema import Scenario

pytestmark = pytest.mark.slow

QUERIES = 150
NUM_KEPT = 40  # answers, of several times as many, when the adversary dies


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
    with (
        LocalParties(broken_dir, dying_after(Answers.keep, NUM_KEPT)) as mortal,
        Drill(scenario(), out=broken_dir, split_key="5eed" * 8, parties=mortal) as drill,
    ):
        broken = drill.run()
    assert "adversary died" in (broken.error or "")
    assert NUM_KEPT <= num_asked(broken_dir) < num_asked(whole_dir)
    assert sum(path.stat().st_size for path in answers(broken_dir)) > 0
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
