"""What a fold's adversary holds says nothing of whom it is judged on, though it is told of others; what would is found.

Everything that it was sent, its disk with the audit log that all folds share, its process: all that the spy of whole
drills sees. SPY_DRILLS=24 plays twelve times as many drills.
"""

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import plants
import pytest
from collecting import SCENARIO, Plant, by_identity, collect
from detectors import best_column, is_at_chance, tells, verdicts

from leakdrill.datasets.digits import Digits
from leakdrill.referee.local import LocalParties, party_command

pytestmark = pytest.mark.slow

SPYING_ADVERSARY = Path(__file__).with_name("spying_adversary.py")
NUM_DRILLS = int(os.environ.get("SPY_DRILLS", "2"))  # of two folds each: the second judges 56 people, an AUC to 0.25
NUM_FOLDS = 2
NUM_PEOPLE, NUM_PHOTOS = 56, 8


@pytest.fixture(scope="module")
def parties(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalParties]:
    with LocalParties(tmp_path_factory.mktemp("hostile"), command) as parties:
        yield parties


def command(party: str) -> list[str]:
    return [sys.executable, str(SPYING_ADVERSARY)] if party == "adversary" else party_command(party)


@pytest.fixture(scope="module")
def told_of_some(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A scenario of digits cut up into 'people', half of whom are in; a fold is told of all others."""
    root = tmp_path_factory.mktemp("data") / "people"
    source = Digits(set="digits").open()
    for number, file in enumerate(source.encoded(range(NUM_PEOPLE * NUM_PHOTOS))):
        person = root / f"person{number // NUM_PHOTOS:03d}"
        person.mkdir(parents=True, exist_ok=True)
        (person / f"{number}.png").write_bytes(file)
    splits = {"source_train": NUM_PHOTOS - 2, "source_test": 1, "source_validation": 1}
    challenge = {"members_by": "identity", "per_class": 3}
    data = {"set": "image_folder", "root": str(root), "image_size": 16, "splits": splits, "challenge": challenge}
    knows = {"shadow_examples": False, "labelled_identities": NUM_PEOPLE // 2}
    return SCENARIO | {"data": data, "adversary": {"workers": 1, "knows": knows}}


def test_a_spy_in_a_fold_is_at_chance_about_those_it_is_judged_on(
    parties: LocalParties, tmp_path: Path, told_of_some: dict[str, Any]
) -> None:
    games = by_identity(collect(parties, NUM_DRILLS, tmp_path, raw=told_of_some, folds=NUM_FOLDS))
    assert len(games) == NUM_DRILLS * NUM_FOLDS
    assert {len(game.is_member) for game in games} == {NUM_PEOPLE // NUM_FOLDS}
    assert {int(game.is_member.sum()) for game in games} == {NUM_PEOPLE // NUM_FOLDS // 2}
    found = verdicts(games)
    assert is_at_chance(found), (found, best_column(games))


@pytest.mark.parametrize("mistake", [plants.names_by_kind, plants.what_another_fold_was_told])
def test_a_referee_who_makes_a_mistake_with_folds_is_found_out(
    parties: LocalParties, tmp_path: Path, told_of_some: dict[str, Any], mistake: Callable[[], Plant]
) -> None:
    games = by_identity(collect(parties, 1, tmp_path, mistake(), raw=told_of_some, folds=NUM_FOLDS))
    found = verdicts(games)
    assert tells(found), (found, best_column(games))
