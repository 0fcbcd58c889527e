"""What a resumed attack is said to have asked: on paper, and by a real drill whose adversary is killed."""

from pathlib import Path

import pytest
from mortal_adversary import dying_after
from small import SMALL, small

from leakdrill.oracles.remote import RemoteOracle
from leakdrill.referee.compare import differences
from leakdrill.referee.drill import Drill
from leakdrill.referee.journal import Journal
from leakdrill.referee.local import LocalParties
from leakdrill.referee.spending import asked_before
from leakdrill.results import Results

KEY = "attack after 0"


def test_what_an_interrupted_start_asked_is_the_attacks_own(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.jsonl")
    assert asked_before(journal, KEY, {"cbig/source": 280}) == {"cbig/source": 280}
    again = Journal(tmp_path / "journal.jsonl")
    assert asked_before(again, KEY, {"cbig/source": 560}) == {"cbig/source": 280}
    assert asked_before(again, "attack other 0", {"cbig/source": 560}) == {"cbig/source": 560}


def test_an_owner_who_lost_the_account_is_counted_from_where_it_is_now(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.jsonl")
    asked_before(journal, KEY, {"cbig/source": 280, "csmall/recognition": 10})
    assert asked_before(journal, KEY, {"csmall/recognition": 10}) == {"csmall/recognition": 10}
    assert asked_before(journal, KEY, {"cbig/source": 5, "csmall/recognition": 10}) == {"csmall/recognition": 10}


@pytest.mark.slow
def test_an_attack_that_was_interrupted_costs_what_an_uninterrupted_one_does(
    parties: LocalParties, tmp_path: Path
) -> None:
    exactly = 280 + 280 + 210  # gap's and after's challenge, and after's tuning: not an example more is to be had
    after = SMALL["timeline"][-1]["attack"] | {"tuning_queries": 210}  # all that it holds: it announces no more
    scenario = small(
        timeline=[*SMALL["timeline"][:-1], {"attack": after}],
        adversary={"query_budget": exactly, "workers": 1},
        cbig=SMALL["cbig"] | {"api": {"price_per_thousand": 1.5}},
        split_key="pinned, so that both runs have the same members",
    )
    with Drill(scenario, out=tmp_path / "uninterrupted", parties=parties) as drill:
        uninterrupted = drill.run()
    assert uninterrupted.error is None

    once_each = dying_after(RemoteOracle.query, 2)  # gap, then after, which asks about the whole challenge first
    with (
        LocalParties(tmp_path / "run", once_each) as mortal,
        Drill(scenario, out=tmp_path / "run", parties=mortal) as drill,
    ):
        broken = drill.run()
        assert drill.queries() == {"cbig/source": 560}
    assert broken.verdict == "broken"
    with Drill.resume(tmp_path / "run") as drill:
        resumed = drill.run()
        assert drill.queries() == {"cbig/source": exactly}
    assert queries_of(resumed) == queries_of(uninterrupted) == [280, 490]
    assert resumed.attacks[1].cost == pytest.approx(0.49 * 1.5)
    assert differences(uninterrupted, resumed) == []


def queries_of(results: Results) -> list[int]:
    return [attack.queries["cbig/source"] for attack in results.attacks]
