"""What a fold's adversary holds says nothing of whom it is judged on, though it is told of others; what would is found.

Everything that it was sent, its disk with the audit log that all folds share, its process: all that the spy of whole
drills sees. SPY_DRILLS=24 plays twelve times as many drills.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import plants
import pytest
from collecting import Evidence, Plant, by_identity, collect
from looks import assert_at_chance, assert_found_out, looks

from leakdrill.referee.local import LocalParties

pytestmark = pytest.mark.slow

NUM_DRILLS = int(os.environ.get("SPY_DRILLS", "2"))  # of two folds each: the second judges 56 people, an AUC to 0.25
NUM_FOLDS = 2
NUM_PEOPLE = 56


@pytest.fixture(scope="module")
def told_of_some(people_scenario: Callable[[int], dict[str, Any]]) -> dict[str, Any]:
    """A fold is told of all people but those whom it is judged on."""
    knows = {"shadow_examples": False, "labelled_identities": NUM_PEOPLE // 2}
    return people_scenario(NUM_PEOPLE) | {"adversary": {"workers": 1, "knows": knows}}


def test_a_spy_in_a_fold_is_at_chance_about_those_it_is_judged_on(
    spied: LocalParties, tmp_path: Path, told_of_some: dict[str, Any]
) -> None:
    def checked(games: list[Evidence]) -> list[Evidence]:
        assert len(games) in (NUM_DRILLS * NUM_FOLDS, 2 * NUM_DRILLS * NUM_FOLDS)
        assert {len(game.is_member) for game in games} == {NUM_PEOPLE // NUM_FOLDS}
        assert {int(game.is_member.sum()) for game in games} == {NUM_PEOPLE // NUM_FOLDS // 2}
        return games

    seen = looks(spied, NUM_DRILLS, tmp_path, raw=told_of_some, folds=NUM_FOLDS)
    assert_at_chance(checked(by_identity(games)) for games in seen)


@pytest.mark.parametrize("mistake", [plants.names_by_kind, plants.what_another_fold_was_told])
def test_a_referee_who_makes_a_mistake_with_folds_is_found_out(
    spied: LocalParties, tmp_path: Path, told_of_some: dict[str, Any], mistake: Callable[[], Plant]
) -> None:
    games = collect(spied, 1, tmp_path, mistake(), raw=told_of_some, folds=NUM_FOLDS)
    assert_found_out([by_identity(games)])
