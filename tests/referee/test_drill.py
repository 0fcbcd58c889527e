"""Real drills with real parties: what they find, what they leave, and what happens when something goes wrong."""

import json
import os
import stat
from pathlib import Path

import numpy as np
import pytest
from small import SMALL, small

from leakdrill.errors import LeakdrillError, ScenarioError
from leakdrill.referee.compare import differences
from leakdrill.referee.drill import Drill
from leakdrill.referee.local import PARTIES, LocalParties
from leakdrill.referee.truth import load_split_key
from leakdrill.results import Results

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of the small scenario."""
    where = tmp_path_factory.mktemp("runs") / "small"
    with Drill(small(), out=where) as drill:
        drill.run()
    return where


@pytest.fixture(scope="module")
def found(run_dir: Path) -> Results:
    return Results.model_validate_json((run_dir / "results.json").read_text())


def test_a_drill_plays_its_timeline_and_judges_it(found: Results) -> None:
    assert found.error is None
    assert found.verdict == "met"
    assert [attack.name for attack in found.attacks] == ["gap", "after"]
    assert found.models["source"].test_accuracy.num_examples == 7 * 20
    assert found.models["target"].test_accuracy.num_examples == 3 * 10
    assert found.breaches[0].blocks == ["stem", "block1", "block2", "block3", "pool"]


def test_queries_are_those_that_the_owner_of_the_api_counted(found: Results) -> None:
    gap, after = found.attacks
    assert gap.queries == {"cbig/source": 2 * 7 * 20}
    assert after.queries == {"cbig/source": 2 * 7 * 20 + 7 * 30}  # the challenge, and tuning on its own shadow_test


def test_the_truth_is_the_owners_alone_and_no_party_holds_it(run_dir: Path) -> None:
    for path in (run_dir / "truth").iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE((run_dir / "truth").stat().st_mode) == 0o700
    key = load_split_key(run_dir / "truth").encode()
    files = [path for path in (run_dir / "parties").rglob("*") if path.is_file()]
    assert len(files) > 10
    assert not [path for path in files if key in path.read_bytes()]


def test_g_s_leaks_from_a_csmall_that_has_no_data_of_its_own(parties: LocalParties, tmp_path: Path) -> None:
    timeline = ["train_source", "release", {"breach": {}}, {"attack": {"kind": "gap"}}]
    data = SMALL["data"] | {"target": None}
    with Drill(small(data=data, timeline=timeline, expect=[]), out=tmp_path / "run", parties=parties) as drill:
        found = drill.run()
    assert found.error is None
    assert found.breaches[0].blocks == ["stem", "block1", "block2", "block3", "pool"]
    assert found.models["source"].test_accuracy.num_examples == 10 * 20


def test_the_parties_hold_their_own_splits_only(run_dir: Path) -> None:
    held = {party: sorted(os.listdir(run_dir / "parties" / party / "home" / "splits")) for party in PARTIES}
    assert held == {
        "cbig": ["source_test", "source_train", "source_validation"],
        "csmall": ["target_test", "target_train"],
        "adversary": ["challenge", "shadow_test", "shadow_train"],
    }


def test_the_challenge_holds_as_many_members_as_non_members_of_every_class(run_dir: Path) -> None:
    with np.load(run_dir / "truth" / "challenge.npz", allow_pickle=False) as truth:
        is_member, labels = truth["is_member"], truth["labels"]
    for label in range(7):
        assert is_member[labels == label].sum() == (~is_member[labels == label]).sum() == 20
    assert 0 < is_member[: len(is_member) // 2].sum() < len(is_member) // 2 + 1  # shuffled, not members first


def test_a_finished_run_resumes_to_the_same_results_without_another_query(run_dir: Path, found: Results) -> None:
    with Drill.resume(run_dir) as drill:
        before = drill.queries()
        again = drill.run()
        after = drill.queries()
        with pytest.raises(ScenarioError, match=r"through.*target_examples"):
            drill.attack(name="through", kind="target_model_mia")
    assert differences(found, again) == []
    assert before == after == {"cbig/source": sum(attack.queries["cbig/source"] for attack in found.attacks)}


def test_a_folder_that_holds_a_run_is_not_played_into_by_another(run_dir: Path) -> None:
    with pytest.raises(ScenarioError, match=r"holds a run: go on with it by Drill.resume"), Drill(small(), out=run_dir):
        pass


def test_the_same_seed_and_split_give_the_same_figures_with_other_parties(
    run_dir: Path, found: Results, parties: LocalParties, tmp_path: Path
) -> None:
    split_key = load_split_key(run_dir / "truth")
    with Drill(small(), out=tmp_path / "again", split_key=split_key, parties=parties) as drill:
        again = drill.run()
    assert differences(found, again) == []
    ours, theirs = (np.load(where / "scores" / "after-0.npz") for where in (run_dir, tmp_path / "again"))
    assert np.array_equal(ours["scores"], theirs["scores"])


def test_a_budget_that_does_not_cover_an_attack_breaks_the_drill_and_says_what_is_left(
    parties: LocalParties, tmp_path: Path
) -> None:
    gap = {"kind": "gap"}  # which announces nothing, or it would be refused before anything starts
    timeline = ["train_source", {"attack": gap}, {"attack": gap | {"name": "again"}}]
    scenario = small(timeline=timeline, adversary={"query_budget": 300, "workers": 1})
    with Drill(scenario, out=tmp_path / "run", parties=parties) as drill:
        broken = drill.run()
    assert broken.verdict == "broken"
    assert "left of 300" in (broken.error or "")
    assert [attack.name for attack in broken.attacks] == ["gap"]


def test_an_impossible_split_leaves_nothing_behind(tmp_path: Path) -> None:
    data = SMALL["data"] | {"splits": SMALL["data"]["splits"] | {"source_train": 500}}
    with pytest.raises(ScenarioError, match="source_train"), Drill(small(data=data), out=tmp_path / "run"):
        pass
    assert not (tmp_path / "run").exists()


def test_shadow_sets_larger_than_their_pool_are_refused_before_anything_starts(tmp_path: Path) -> None:
    timeline = [*SMALL["timeline"][:-1], {"attack": {"name": "after", "kind": "transmia", "shadow_size": 211}}]
    with (
        pytest.raises(ScenarioError, match=r"after.shadow_size is 211, but shadow_train has 210"),
        Drill(small(timeline=timeline), out=tmp_path / "run"),
    ):
        pass
    assert not (tmp_path / "run").exists()


def test_queries_beyond_the_budget_are_refused_before_anything_starts(tmp_path: Path) -> None:
    attack = {"attack": {"kind": "boundary", "queries_per_example": 100}}
    cbig = SMALL["cbig"] | {"api": {"outputs": ["label"]}}
    knows = {"shadow_examples": True, "architecture": True}
    with (
        pytest.raises(ScenarioError, match=r"cbig/source may ask up to 28,000 queries .*query_budget is 5,000"),
        Drill(
            small(timeline=["train_source", attack], cbig=cbig, adversary={"query_budget": 5000, "knows": knows}),
            out=tmp_path / "run",
        ),
    ):
        pass
    assert not (tmp_path / "run").exists()


def test_the_journal_tells_the_story_and_no_secret(run_dir: Path) -> None:
    events = [json.loads(line)["event"] for line in (run_dir / "journal.jsonl").read_text().splitlines()]
    told = ["dealt", "released", "breached", "judged"]
    assert [event for event in events if event in told][:4] == told
    assert load_split_key(run_dir / "truth") not in (run_dir / "journal.jsonl").read_text()


def test_errors_of_a_drill_are_ours() -> None:
    with pytest.raises(LeakdrillError, match="no scenario"):
        Drill("no-such-scenario")
