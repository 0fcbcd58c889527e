"""A drill with real parties in which attacks are told who is a member, of some people, and are played in folds."""

import json
from pathlib import Path

import numpy as np
import pytest
from small import SMALL, small

from leakdrill.errors import ScenarioError
from leakdrill.referee.auditing import recorded_drill, recorded_ends
from leakdrill.referee.chain import first_fault
from leakdrill.referee.drill import Drill
from leakdrill.referee.local import LocalParties
from leakdrill.results import Results
from leakdrill.scenario.schema import Scenario

NUM_PEOPLE, NUM_PHOTOS, NUM_FOLDS = 6, 10, 3


def of_people(num_labelled: int = 4) -> Scenario:
    """Seven digits are people here: three are in, three are out, and one is nobody's."""
    return small(
        data=SMALL["data"]
        | {
            "splits": {"source_train": 20, "source_test": 10, "source_validation": 5},
            "challenge": {"members_by": "identity", "per_class": NUM_PHOTOS},
        },
        cbig={"source_model": {"arch": {"kind": "resnet8", "width": 8}, "fit": {"epochs": 1}}},
        csmall={"apis": ["features"]},
        adversary={
            "knows": {"shadow_examples": False, "architecture": True, "labelled_identities": num_labelled},
            "query_budget": 2 * NUM_PEOPLE * NUM_PHOTOS,  # two attacks of the drill's own adversary use it up
            "workers": 1,
        },
        timeline=[
            "train_source",
            "release",
            {"attack": {"name": "class_based", "kind": "class_based"}},
            {"attack": {"name": "told", "kind": "class_based_aux", "folds": NUM_FOLDS}},
            {"attack": {"name": "told_by_image", "kind": "first_cut", "folds": 2, "folds_by": "image"}},
            {
                "attack": {
                    "name": "untrained_control",
                    "kind": "first_cut",
                    "folds": NUM_FOLDS,
                    "extractor": "untrained",
                }
            },
            {"attack": {"name": "class_based_again", "kind": "class_based"}},
        ],
        expect=[],
    )


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    where = tmp_path_factory.mktemp("runs") / "people"
    with Drill(of_people(), out=where) as drill:
        drill.run()
    return where


@pytest.fixture(scope="module")
def found(run_dir: Path) -> Results:
    return Results.model_validate_json((run_dir / "results.json").read_text())


def test_an_attack_that_is_told_of_people_is_judged_on_all_of_them_in_folds(found: Results) -> None:
    assert found.error is None
    told = next(attack for attack in found.attacks if attack.name == "told")
    assert (told.num_members, told.num_non_members, told.num_excluded) == (3, 3, 0)
    assert told.folds is not None
    assert (told.folds.by, len(told.folds.aucs)) == ("identity", NUM_FOLDS)
    assert told.folds.mean_auc == pytest.approx(np.mean(told.folds.aucs))
    assert [note["labelled_identities"] for note in told.notes["by_fold"]] == [4] * NUM_FOLDS


def test_each_fold_asks_for_itself_and_pays_for_it(found: Results) -> None:
    queries = {attack.name: attack.queries for attack in found.attacks}
    everybody = NUM_PEOPLE * NUM_PHOTOS
    assert queries["class_based"] == {"csmall/features": everybody}
    assert queries["told"] == {"csmall/features": NUM_FOLDS * everybody}  # four labelled people and two judged ones
    assert queries["told_by_image"] == {"csmall/features": 2 * everybody}
    assert queries["untrained_control"] == {}


def test_afterwards_the_drills_own_adversary_sits_there_again_and_was_told_nothing(
    found: Results, run_dir: Path
) -> None:
    first, again = (found.attacks[number] for number in (0, -1))
    assert again.auc == first.auc
    assert again.folds is None
    held = {path.name for path in run_dir.glob("parties/adversary/home/**/") if (path / "digest.txt").exists()}
    assert held == {"challenge"}


def test_the_audit_log_covers_every_fold(run_dir: Path) -> None:
    log = (run_dir / "audit" / "adversary.jsonl").read_text()
    assert first_fault(log.encode(), recorded_drill(run_dir), recorded_ends(run_dir)["adversary"]) is None
    assert log.count('"method": "/leakdrill.v1.AdversaryService/Attack"') == 2 + NUM_FOLDS + 2 + NUM_FOLDS


def test_every_fold_is_played_by_a_fresh_process_and_so_are_the_attacks_after_them(run_dir: Path) -> None:
    log = [json.loads(line) for line in (run_dir / "audit" / "adversary.jsonl").read_text().splitlines()]
    turns = "".join(
        "|" if line["event"] == "restarted" else "a"
        for line in log
        if line["event"] == "restarted" or line.get("method", "").endswith("/Attack")
    )
    assert turns == "a" + NUM_FOLDS * "|a" + "|" + 2 * "|a" + "|" + NUM_FOLDS * "|a" + "|a"


def test_every_fold_has_the_whole_budget_to_itself(found: Results) -> None:
    budget = found.scenario["adversary"]["query_budget"]
    told = next(attack for attack in found.attacks if attack.name == "told")
    assert told.queries["csmall/features"] > budget
    assert sum(attack.queries.get("csmall/features", 0) for attack in found.attacks if attack.folds is None) == budget


def test_a_grant_that_no_fold_can_give_is_refused_before_anything_is_started(tmp_path: Path) -> None:
    with (
        pytest.raises(ScenarioError, match=r"labelled_identities is 6, .* wanted 2 to 4"),
        Drill(of_people(6), out=tmp_path / "run"),
    ):
        pass
    assert not (tmp_path / "run").exists()


def test_an_attribute_is_inferred_of_people_in_folds_and_the_unknown_are_counted(
    parties: LocalParties, tmp_path: Path
) -> None:
    scenario = Scenario.model_validate(
        of_people().model_dump()
        | {
            "data": {
                "dataset": {"set": "synthfaces", "classes": 14, "per_class": 8, "size": 32},
                "image_size": 16,
                "splits": {"source_train": 4, "source_test": 1, "source_validation": 1},
                "challenge": {"members_by": "identity", "per_class": 4},
                "target": {"classes": 2, "train": 2, "test": 2},
            },
            "adversary": {"knows": {"shadow_examples": False, "labelled_attributes": 8}},
            "timeline": [
                "train_source",
                "release",
                {"attack": {"name": "gender", "kind": "attribute_inference", "auxiliary_points": 8, "folds": 2}},
                {"attack": {"name": "majority", "kind": "attribute_inference", "auxiliary_points": 8, "folds": 2,
                            "without_api": "majority"}},
            ],
        }
    )  # fmt: skip
    with Drill(scenario, out=tmp_path / "run", parties=parties) as drill:
        results = drill.run()
    assert results.error is None
    gender, majority = results.attacks
    assert (gender.goal, gender.unit, gender.num_excluded) == ("attribute", "identity", 0)
    assert gender.num_members + gender.num_non_members == 12
    assert [note["auxiliary_points"] for note in gender.notes["by_fold"]] == [8, 8]
    assert majority.auc.value == 0.5
    assert majority.queries == {}
