"""People at a real drill: a class of two, who play by processes of their own, and the timeline's attack by hand."""

import json
import os
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from small import small

from leakdrill import Drill
from leakdrill.errors import NotReady, ScenarioError
from leakdrill.player import waiting
from leakdrill.player.hosting import Hosted, Listening, hosting
from leakdrill.player.seats import Seat, of_class, of_step, seat_of
from leakdrill.player.submissions import hand_in, read_record
from leakdrill.referee.local import LocalParties
from leakdrill.results import AttackResult

STUDENT = Path(__file__).with_name("student.py")
SECONDS = 200
BUDGET = 700  # of 280 examples: twice, and not three times

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@dataclass(frozen=True)
class Class:
    drill: Drill
    seats: tuple[Seat, ...]
    hosted: Hosted
    doors: ExitStack  # closed at the latest when the drill ends

    def folder(self, number: int) -> Path:
        return self.drill.run_dir / self.seats[number].folder

    def submissions(self, number: int) -> list[AttackResult]:
        record = read_record(self.drill.run_dir)
        return [each.result for each in record if each.seat == self.seats[number].name and each.result]


@pytest.fixture(scope="module")
def at(parties: LocalParties, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Class]:
    run_dir = tmp_path_factory.mktemp("class")
    seats = of_class(["Ada Lovelace", "Zoë"], 3)
    (run_dir / "parties").symlink_to(parties.credentials_dir("cbig").parents[1])  # where accounts are looked for
    adversary = {"query_budget": BUDGET, "workers": 1, "knows": {"architecture": False}}
    cbig = {"source_model": {"arch": {"kind": "small_cnn", "width": 8}, "fit": {"epochs": 2, "batch_size": 32}}}
    scenario = small(adversary=adversary, cbig=cbig, timeline=["train_source"], expect=[])
    with Drill(scenario, out=run_dir, parties=parties) as drill:
        drill.train_source()
        drill.release()
        drill.breach()
        with ExitStack() as doors:
            hosted = doors.enter_context(hosting(drill.stage, seats, Listening(), is_breached=True))
            yield Class(drill, seats, hosted, doors)


def play(folder: Path, attack: str, *options: str) -> "subprocess.CompletedProcess[str]":
    """As from a machine of their own: in another process, which knows the folder alone."""
    command = [sys.executable, STUDENT, folder, attack, *options]
    environment = {"PATH": os.environ["PATH"], "OMP_NUM_THREADS": "1", "HOME": str(folder)}
    return subprocess.run(
        command, capture_output=True, text=True, timeout=SECONDS, env=environment, cwd=folder, check=False
    )


@pytest.fixture(scope="module")
def ada(at: Class) -> list["subprocess.CompletedProcess[str]"]:
    """The first player's two attacks, handed in."""
    return [play(at.folder(0), attack, "--submit") for attack in ("gap", "entropy")]


@pytest.fixture(scope="module")
def zoe(at: Class) -> "subprocess.CompletedProcess[str]":
    """The second player's one attack, kept to herself."""
    return play(at.folder(1), "gap")


@pytest.fixture(scope="module")
def built_in(at: Class) -> list[AttackResult]:
    """What Ada's attacks copy."""
    return [at.drill.attack(kind="gap"), at.drill.attack(kind="entropy", threshold_queries=100)]


@pytest.fixture(scope="module")
def mine(at: Class, zoe: "subprocess.CompletedProcess[str]") -> AttackResult:
    """An attack of the timeline that waits for scores by hand, and gets Zoë's."""
    run_dir, scores = at.drill.run_dir, (at.folder(1) / "scores.csv").read_bytes()

    def as_the_referee_is_asked() -> None:
        hand_in(run_dir, of_step("mine", 1), scores)

    handing_in = threading.Timer(0.5, as_the_referee_is_asked)
    handing_in.start()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(waiting, "POLL_SECONDS", 0.05)
        judged = at.drill.attack(kind="external", name="mine", uses=["cbig/source:scores"])
    handing_in.join()
    return judged


def test_an_attack_by_tritonclient_alone_does_as_well_as_the_built_in_that_it_copies(
    at: Class, ada: list["subprocess.CompletedProcess[str]"], built_in: list[AttackResult]
) -> None:
    for played in ada:
        assert played.returncode == 0, played.stderr
        assert "Ada Lovelace: submission" in played.stdout
    by_hand = at.submissions(0)
    assert [each.auc for each in by_hand] == [each.auc for each in built_in]
    assert [each.queries for each in by_hand] == [{"cbig/source": 280}, {"cbig/source": 560}]
    assert by_hand[0].accuracy == built_in[0].accuracy, "right or wrong is a decision, too"


@pytest.mark.usefixtures("ada")
def test_each_player_has_a_budget_of_their_own(at: Class, zoe: "subprocess.CompletedProcess[str]") -> None:
    refused = play(at.folder(0), "gap")
    assert refused.returncode != 0
    assert "12 left of 700" in refused.stderr
    assert zoe.returncode == 0, zoe.stderr
    spent = {line.name: line.num_queries for line in at.hosted.scoreboard.standings()}
    assert spent == {"Ada Lovelace": 688, "Zoë": 280}


@pytest.mark.usefixtures("ada")
def test_the_drill_waits_for_an_external_attack_and_judges_it_as_any(at: Class, mine: AttackResult) -> None:
    assert seat_of(at.drill.run_dir, "mine").is_step
    assert (mine.name, mine.kind, mine.queries) == ("mine", "external", {})
    assert mine.auc == at.submissions(0)[0].auc, "both are the gap attack"
    assert json.loads((at.drill.run_dir / "player" / "game.json").read_text())["submit"] is None


def test_scores_that_never_come_break_the_drill_with_what_to_do(at: Class) -> None:
    with pytest.raises(NotReady, match=r"nobody handed in scores for attack 'late' within 0.001 minutes: .*resume"):
        at.drill.attack(kind="external", name="late", wait_minutes=0.001)


def test_parties_elsewhere_are_refused_before_anything_is_trained(tmp_path: Path) -> None:
    elsewhere: Any = SimpleNamespace(addresses={}, credentials=None, check=lambda: None)
    scenario = small(timeline=["train_source", {"attack": {"kind": "external", "name": "mine"}}], expect=[])
    with pytest.raises(ScenarioError, match="external} is played with the adversary's key, which is on another"):
        Drill(scenario, out=tmp_path / "run", parties=elsewhere).__enter__()


@pytest.mark.usefixtures("zoe")
def test_a_players_folder_has_what_is_granted_and_nothing_of_the_truth(at: Class) -> None:
    folder, run_dir = at.folder(1), at.drill.run_dir
    assert {path.name for path in folder.iterdir() if path.name != "__pycache__"} == {
        *("README.md", "client.py", "game.json", "ca.pem", "cert.pem", "key.pem", "scores.csv"),
        *("challenge.npz", "shadow_train.npz", "shadow_test.npz", "leaked.json", "leaked.safetensors"),
    }
    secrets = (run_dir / "truth" / "split_key").read_bytes(), b"is_member", b"truth", b"BEGIN CERTIFICATE REQ"
    for path in folder.rglob("*"):
        if path.is_file():
            assert not [each for each in secrets if each in path.read_bytes()], path
    game = json.loads((folder / "game.json").read_text())
    assert game["architecture"] is None, "it is not granted here"
    with np.load(run_dir / "truth" / "challenge.npz") as truth, np.load(folder / "challenge.npz") as challenge:
        assert sorted(challenge.files) == ["ids", "inputs", "labels"]
        assert telling(dict(challenge), truth["is_member"]) == []
        assert telling({**challenge, "told": truth["is_member"] + 0.5}, truth["is_member"]) == ["told"]


@pytest.mark.usefixtures("ada", "zoe", "built_in", "mine")
def test_all_that_was_handed_in_stands_in_the_results_whatever_became_of_the_class(at: Class) -> None:
    found = {attack.name: attack for attack in at.drill.judge().attacks}  # as resume does, where it ended by itself
    at.doors.close()
    assert [attack.name for attack in at.drill.judge().attacks] == list(found), "again, and none of them twice"
    with pytest.raises(OSError):
        urllib.request.build_opener(urllib.request.ProxyHandler({})).open(at.hosted.page_url, timeout=5)
    assert {"ada_lovelace_1", "ada_lovelace_2", "gap", "entropy", "mine"} <= set(found)
    assert found["ada_lovelace_1"].notes == {"player": "Ada Lovelace", "submission": 1}
    assert found["ada_lovelace_1"].auc == found["gap"].auc


def telling(arrays: dict[str, np.ndarray], is_member: np.ndarray) -> list[str]:
    """Columns, and the place in the file, that tell members from others: four standard deviations from chance."""
    columns = {"place": np.arange(len(is_member)), "id": np.array([int(each, 16) for each in arrays["ids"]], float)}
    columns |= {name: each for name, each in arrays.items() if name not in ("ids", "inputs")}
    columns["brightness"] = arrays["inputs"].reshape(len(is_member), -1).mean(axis=1)
    num_members = int(is_member.sum())
    deviation = np.sqrt((len(is_member) + 1) / (12 * num_members * (len(is_member) - num_members)))

    def auc(column: np.ndarray) -> float:
        members, others = column[is_member][:, None], column[~is_member]
        return float((members > others).mean() + (members == others).mean() / 2)

    return [name for name, column in columns.items() if abs(auc(column) - 0.5) > 4 * deviation]
