"""The shadow models of a drill: trained once for all of its attacks, and not again when its adversary was killed."""

from pathlib import Path

import pytest
from mortal_adversary import dying_after
from small import SMALL, small

from leakdrill.models.cache import ModelCache
from leakdrill.referee.drill import Drill
from leakdrill.referee.local import LocalParties
from leakdrill.scenario.schema import Scenario

pytestmark = pytest.mark.slow

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


def test_a_killed_adversary_keeps_its_shadow_models_and_two_attacks_share_them(tmp_path: Path) -> None:
    with (
        LocalParties(tmp_path, dying_after(ModelCache.get_or_make, 2)) as mortal,
        Drill(scenario(), out=tmp_path, split_key="5eed" * 8, parties=mortal) as drill,
    ):
        broken = drill.run()
    assert "adversary died" in (broken.error or "")
    before = models(tmp_path)
    assert len(before) == 2
    with Drill.resume(tmp_path) as drill:
        resumed = drill.run()
    assert resumed.error is None
    assert {attack.kind for attack in resumed.attacks} == {"lira", "rmia"}
    after = models(tmp_path)
    assert len(after) == NUM_SHADOWS
    assert {name: after[name] for name in before} == before
