"""Nothing within the adversary's reach tells members from non-members without a model, and what would is found.

SPY_DRILLS=24 plays three times as many drills, and would see a leak that is about half as large.
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
NUM_DRILLS = int(os.environ.get("SPY_DRILLS", "8"))  # the last half is judged: 2,560 examples, an AUC to 0.04
NUM_PLANTED = 4  # a mistake shows in fewer
NUM_SURE = 2  # one that gives all away shows in one, when another has taught
NUM_PEOPLE, NUM_PHOTOS = 64, 8  # where people are in or out

MISTAKES = {
    plants.members_first: NUM_SURE,
    plants.in_turns: NUM_SURE,
    plants.a_file_time: NUM_SURE,
    plants.a_larger_jpeg: NUM_SURE,
    plants.slow_members: NUM_PLANTED,
    plants.the_scenarios_seed: NUM_SURE,
    plants.the_adversarys_own_seed: NUM_SURE,
    plants.the_same_key_again: NUM_PLANTED,  # the first drill has no history to teach
    plants.a_shadow_pool_with_non_members: NUM_SURE,
    plants.members_in_memory: NUM_PLANTED,
}


@pytest.fixture(scope="module")
def parties(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalParties]:
    with LocalParties(tmp_path_factory.mktemp("hostile"), command) as parties:
        yield parties


def command(party: str) -> list[str]:
    return [sys.executable, str(SPYING_ADVERSARY)] if party == "adversary" else party_command(party)


def test_a_spy_who_knows_the_truth_of_earlier_drills_is_at_chance_in_the_next(
    parties: LocalParties, tmp_path: Path
) -> None:
    drills = collect(parties, NUM_DRILLS, tmp_path)
    found = verdicts(drills)
    assert is_at_chance(found), (found, best_column(drills))


def test_a_spy_learns_nothing_from_which_files_were_in_memory(parties: LocalParties, tmp_path: Path) -> None:
    drills = collect(parties, NUM_DRILLS // 2, tmp_path, plants.too_large_to_remember())
    found = verdicts(drills)
    assert is_at_chance(found), (found, best_column(drills))


def test_a_spy_does_not_learn_what_a_run_is_called(parties: LocalParties, tmp_path: Path) -> None:
    drills = collect(parties, NUM_PLANTED, tmp_path, plants.a_key_in_the_runs_name())
    found = verdicts(drills)
    assert is_at_chance(found), (found, best_column(drills))


#: csmall's own data is in question: half of each class of 2 to 9.
OF_CSMALL: dict[str, Any] = SCENARIO | {
    "data": SCENARIO["data"] | {
        "target": {"classes": 8, "train": 40, "test": 40},
        "challenge": {"members_of": "target"},
    }
}  # fmt: skip


def test_a_spy_is_at_chance_about_csmalls_own_data(parties: LocalParties, tmp_path: Path) -> None:
    drills = collect(parties, NUM_DRILLS // 2, tmp_path, raw=OF_CSMALL)
    found = verdicts(drills)
    assert is_at_chance(found), (found, best_column(drills))


def test_a_referee_who_deals_csmalls_data_by_a_seed_that_is_known_is_found_out(
    parties: LocalParties, tmp_path: Path
) -> None:
    assert tells(verdicts(collect(parties, NUM_SURE, tmp_path, plants.the_adversarys_own_seed(), raw=OF_CSMALL)))


@pytest.fixture(scope="module")
def of_people(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A scenario of 64 'people' of 8 photos, half of whom are in: digits, cut up."""
    root = tmp_path_factory.mktemp("data") / "people"
    source = Digits(set="digits").open()
    for number, file in enumerate(source.encoded(range(NUM_PEOPLE * NUM_PHOTOS))):
        person = root / f"person{number // NUM_PHOTOS:03d}"
        person.mkdir(parents=True, exist_ok=True)
        (person / f"{number}.png").write_bytes(file)
    splits = {"source_train": NUM_PHOTOS - 2, "source_test": 1, "source_validation": 1}
    challenge = {"members_by": "identity", "per_class": 3}
    data = {"set": "image_folder", "root": str(root), "image_size": 16, "splits": splits, "challenge": challenge}
    return SCENARIO | {"data": data}


def test_a_spy_is_at_chance_about_who_is_in(parties: LocalParties, tmp_path: Path, of_people: dict[str, Any]) -> None:
    drills = by_identity(collect(parties, NUM_DRILLS // 2, tmp_path, raw=of_people))
    found = verdicts(drills)
    assert is_at_chance(found), (found, best_column(drills))


def test_a_referee_who_deals_people_by_a_seed_that_is_known_is_found_out(
    parties: LocalParties, tmp_path: Path, of_people: dict[str, Any]
) -> None:
    drills = collect(parties, NUM_SURE, tmp_path, plants.the_adversarys_own_seed(), raw=of_people)
    assert tells(verdicts(by_identity(drills)))


@pytest.mark.parametrize(("mistake", "num_drills"), MISTAKES.items())
def test_a_referee_who_makes_a_mistake_is_found_out(
    parties: LocalParties, tmp_path: Path, mistake: Callable[[], Plant], num_drills: int
) -> None:
    drills = collect(parties, num_drills, tmp_path, mistake())
    found = verdicts(drills)
    assert tells(found), (found, best_column(drills))
