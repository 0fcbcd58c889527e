from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from model_server import CLASSES, ModelServer, serving, write_folders
from small import small

from leakdrill.attacks.base import Verdict, View
from leakdrill.attacks.entropy import Entropy
from leakdrill.errors import ScenarioError
from leakdrill.oracles.oip import LiveOracle
from leakdrill.referee.folders import read_challenge, read_shadow
from leakdrill.referee.live import LiveGame, Played, choose_attack
from leakdrill.results import Results

SCENARIO = small(
    timeline=[
        "train_source",
        "release",
        {"attack": {"kind": "gap"}},
        {"attack": {"kind": "entropy"}},
        {"attack": {"name": "before", "kind": "transmia", "shadow": "baseline"}},
        {"breach": {}},
        {"attack": {"name": "after", "kind": "transmia", "shadow": "freeze"}},
    ],
    expect=[],
)
NUM_CHALLENGE = 60  # 10 members and 10 non-members of 3 classes


class Watching(Entropy):
    """Keeps what it was shown."""

    def run(self, view: View) -> Verdict:
        views.append(view)
        shown.append(np.array(view.challenge.inputs))
        return super().run(view)


views: list[View] = []
shown: list[np.ndarray] = []


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("folders")


@pytest.fixture(scope="module")
def oracle(folders: Path) -> Iterator[LiveOracle]:
    with serving(ModelServer(write_folders(folders).scores)) as server:
        yield LiveOracle(server.address, "faces", len(CLASSES), 10_000)


def play(oracle: LiveOracle, folders: Path, challenge: str = "challenge") -> Played:
    attack = Watching(name="entropy")
    game = LiveGame(SCENARIO, attack, read_challenge(folders / challenge), read_shadow(folders / "shadow"))
    return game.play(oracle, lambda fraction, message: None)


def test_an_endpoint_that_knows_its_members_by_heart_is_found_out(oracle: LiveOracle, folders: Path) -> None:
    before = oracle.num_queries
    played = play(oracle, folders)
    assert played.results is not None
    (attack,), baseline = played.results.attacks, played.results.baseline
    assert attack.auc.value > 0.99
    assert attack.on == oracle.name
    assert (attack.num_members, attack.num_non_members) == (NUM_CHALLENGE // 2, NUM_CHALLENGE // 2)
    assert attack.queries == {oracle.name: oracle.num_queries}
    assert oracle.num_queries - before == NUM_CHALLENGE + 30  # and half of the 60 shadow photos, for the threshold
    assert baseline is not None
    assert baseline.auc.low < 0.5 < baseline.auc.high


def test_scores_are_in_the_order_of_the_files_whatever_the_attack_was_shown(oracle: LiveOracle, folders: Path) -> None:
    first, second = play(oracle, folders), play(oracle, folders)
    np.testing.assert_array_equal(first.verdict.scores, second.verdict.scores)
    assert first.results is not None
    assert second.results is not None
    assert first.results.attacks[0].auc == second.results.attacks[0].auc
    assert first.results.baseline.auc == second.results.baseline.auc
    assert not np.array_equal(shown[-1], shown[-2])  # a fresh order each time
    is_member = read_challenge(folders / "challenge").is_member
    assert is_member is not None
    assert first.verdict.scores[is_member].min() > np.median(first.verdict.scores[~is_member])


def test_the_attack_sees_no_word_on_who_is_a_member(oracle: LiveOracle, folders: Path) -> None:
    play(oracle, folders)
    view = views[-1]
    assert view.challenge.inputs.shape[0] == NUM_CHALLENGE
    assert view.shadow_train is not None
    assert view.shadow_test is not None
    assert len(view.shadow_train) == len(view.shadow_test) == 30
    assert view.leaked is None
    assert view.target_train is None
    labels = [tuple(view.challenge.labels) for view in views]
    assert len(set(labels)) == len(labels)  # a fixed order would tell, for the folders are read in one


def test_a_challenge_without_truth_is_scored_and_not_judged(oracle: LiveOracle, folders: Path) -> None:
    played = play(oracle, folders, "challenge/members")
    assert played.results is None
    assert len(played.verdict.scores) == NUM_CHALLENGE // 2


def test_a_game_is_saved_for_leakdrill_show(oracle: LiveOracle, folders: Path, tmp_path: Path) -> None:
    played, files = play(oracle, folders), read_challenge(folders / "challenge").files
    played.save(tmp_path / "run", files)
    lines = (tmp_path / "run" / "scores.csv").read_text().splitlines()
    assert lines[0] == "file,class,score,decision"
    path, name, score, decision = lines[1].split(",")
    assert (path, name) == ("members/ada/0.png", "ada")
    assert float(score) == played.verdict.scores[0]
    assert decision in ("0", "1")
    assert len(lines) == 1 + NUM_CHALLENGE
    saved = Results.model_validate_json((tmp_path / "run" / "results.json").read_text())
    assert saved == played.results
    assert saved.environment["endpoint"]["model"] == oracle.name
    with pytest.raises(FileExistsError):
        played.save(tmp_path / "run", files)


@pytest.mark.parametrize(
    ("name", "has_shadow", "chosen"),
    [(None, False, "gap"), (None, True, "gap"), ("entropy", True, "entropy"), ("before", True, "before")],
)
def test_the_first_possible_attack_is_chosen_unless_one_is_named(
    name: str | None, has_shadow: bool, chosen: str
) -> None:
    assert choose_attack(SCENARIO, name, has_shadow).name == chosen


@pytest.mark.parametrize(
    ("name", "has_shadow", "says"),
    [
        ("nobody", True, r"no attack 'nobody', only \['gap', 'entropy', 'before', 'after'\]"),
        ("after", True, "after needs feature_extractor; possible as it is: .*'before'"),
        ("entropy", False, "entropy needs shadow_examples; shadow_examples come from a --shadow folder"),
    ],
)
def test_an_attack_that_needs_more_than_an_endpoint_is_refused_by_name(name: str, has_shadow: bool, says: str) -> None:
    with pytest.raises(ScenarioError, match=says):
        choose_attack(SCENARIO, name, has_shadow)


def test_the_architecture_is_known_if_the_scenario_grants_it() -> None:
    adversary = SCENARIO.adversary.model_copy(
        update={"knows": SCENARIO.adversary.knows.model_copy(update={"architecture": False})}
    )
    with pytest.raises(ScenarioError, match="before needs architecture"):
        choose_attack(SCENARIO.model_copy(update={"adversary": adversary}), "before", has_shadow=True)
