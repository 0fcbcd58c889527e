"""Nothing within the adversary's reach tells members from non-members without a model, and what would is found.

SPY_DRILLS=24 plays three times as many drills, and would see a leak that is about half as large.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import plants
import pytest
from collecting import SCENARIO, Evidence, Plant, by_identity, collect
from looks import SECOND, assert_at_chance, assert_found_out, looks

from leakdrill.referee.local import LocalParties

pytestmark = pytest.mark.slow

NUM_DRILLS = int(os.environ.get("SPY_DRILLS", "8"))  # the last half is judged: 2,560 examples, an AUC to 0.04
NUM_PLANTED = 4  # a mistake shows in fewer
NUM_SURE = 2  # one that gives all away shows in one, when another has taught

MISTAKES = {
    plants.members_first: NUM_SURE,
    plants.in_turns: NUM_SURE,
    plants.a_file_time: NUM_SURE,
    plants.a_larger_jpeg: NUM_SURE,
    plants.the_scenarios_seed: NUM_SURE,
    plants.the_adversarys_own_seed: NUM_SURE,
    plants.the_same_key_again: NUM_PLANTED,  # the first drill has no history to teach
    plants.a_shadow_pool_with_non_members: NUM_SURE,
}


def test_a_spy_who_knows_the_truth_of_earlier_drills_is_at_chance_in_the_next(
    spied: LocalParties, tmp_path: Path
) -> None:
    assert_at_chance(looks(spied, NUM_DRILLS, tmp_path))


def test_a_spy_learns_nothing_from_which_files_were_in_memory(spied: LocalParties, tmp_path: Path) -> None:
    assert_at_chance(looks(spied, NUM_DRILLS // 2, tmp_path, plants.too_large_to_remember()))


def test_a_spy_does_not_learn_what_a_run_is_called(spied: LocalParties, tmp_path: Path) -> None:
    assert_at_chance(looks(spied, NUM_PLANTED, tmp_path, plants.a_key_in_the_runs_name()))


#: csmall's own data is in question: half of each class of 2 to 9.
OF_CSMALL: dict[str, Any] = SCENARIO | {
    "data": SCENARIO["data"] | {
        "target": {"classes": 8, "train": 40, "test": 40},
        "challenge": {"members_of": "target"},
    }
}  # fmt: skip


def test_a_spy_is_at_chance_about_csmalls_own_data(spied: LocalParties, tmp_path: Path) -> None:
    assert_at_chance(looks(spied, NUM_DRILLS // 2, tmp_path, raw=OF_CSMALL))


def test_a_referee_who_deals_csmalls_data_by_a_seed_that_is_known_is_found_out(
    spied: LocalParties, tmp_path: Path
) -> None:
    assert_found_out([collect(spied, NUM_SURE, tmp_path, plants.the_adversarys_own_seed(), raw=OF_CSMALL)])


@pytest.fixture(scope="module")
def of_people(people_scenario: Callable[[int], dict[str, Any]]) -> dict[str, Any]:
    return people_scenario(64)


def test_a_spy_is_at_chance_about_who_is_in(spied: LocalParties, tmp_path: Path, of_people: dict[str, Any]) -> None:
    assert_at_chance(map(by_identity, looks(spied, NUM_DRILLS // 2, tmp_path, raw=of_people)))


def test_a_referee_who_deals_people_by_a_seed_that_is_known_is_found_out(
    spied: LocalParties, tmp_path: Path, of_people: dict[str, Any]
) -> None:
    drills = collect(spied, NUM_SURE, tmp_path, plants.the_adversarys_own_seed(), raw=of_people)
    assert_found_out([by_identity(drills)])


@pytest.mark.parametrize(("mistake", "num_drills"), MISTAKES.items())
def test_a_referee_who_makes_a_mistake_is_found_out(
    spied: LocalParties, tmp_path: Path, mistake: Callable[[], Plant], num_drills: int
) -> None:
    assert_found_out([collect(spied, num_drills, tmp_path, mistake())])


@pytest.mark.parametrize("mistake", [plants.slow_members, plants.members_in_memory])
def test_a_referee_who_lets_some_wait_for_longer_is_found_out(
    spied: LocalParties, tmp_path: Path, mistake: Callable[..., Plant]
) -> None:
    """By a third of a millisecond. At a load of 24 on two cores that drowns, and only a much slower disk would tell."""

    def as_slow_as_shows() -> Iterator[list[Evidence]]:
        yield collect(spied, NUM_PLANTED, tmp_path, mistake())
        yield collect(spied, NUM_PLANTED, tmp_path, mistake(plants.BUSY_SECONDS), first=SECOND)

    assert_found_out(as_slow_as_shows())
