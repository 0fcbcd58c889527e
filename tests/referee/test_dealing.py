"""What each party is told, and what is refused before anybody is told anything."""

from typing import Any

import pytest
from small import SMALL, small

from leakdrill.data.splits import Deal, deal
from leakdrill.errors import ScenarioError
from leakdrill.parties.config import CbigConfig, CsmallConfig, PartyConfig
from leakdrill.referee.dealing import check_budget, check_pools, party_configs
from leakdrill.scenario.schema import Api, Scenario
from leakdrill.scenario.steps import Defend, DefendStep

ADDRESSES = dict.fromkeys(["cbig/private", "cbig/public", "csmall/public", "csmall/exfiltration"], "host:1")


@pytest.fixture(scope="module")
def cards() -> Deal:
    return deal(small().data, "key")


def told(cards: Deal, split_key: str) -> dict[str, PartyConfig]:
    return party_configs(small(adversary={"knows": {"defences": True}}), cards, ADDRESSES, "drill", split_key, {})


def test_secrets_of_defences_follow_from_the_split_key_and_not_from_the_seed(cards: Deal) -> None:
    first, again, other = (told(cards, key) for key in ("key", "key", "another"))
    assert first == again  # so that a run with its key can be played again
    secrets = set()
    for party in ("cbig", "csmall"):
        one, two = first[party], other[party]
        assert isinstance(one, CbigConfig | CsmallConfig)
        assert isinstance(two, CbigConfig | CsmallConfig)
        assert one.seed == two.seed
        secrets |= {one.secret, two.secret}
    assert len(secrets) == 4
    # the adversary is told the very same whatever the key, so nothing that it is told leads to a secret
    assert first["adversary"] == other["adversary"]


def attacked(budget: int = 5000, **attack: Any) -> Scenario:
    """By somebody who knows that cbig's API runs MemGuard."""
    api = {"outputs": ["scores", "label"], "defences": [{"kind": "memguard"}]}
    return small(
        cbig=SMALL["cbig"] | {"api": api},
        adversary={"query_budget": budget, "knows": {"defences": True}},
        timeline=["train_source", {"attack": attack}],
    )


def test_examples_set_apart_for_the_shadows_defences_are_none_to_draw_from(cards: Deal) -> None:
    num_held = len(cards.splits["shadow_test"].labels)
    drawn = {"kind": "transmia", "shadow": "baseline", "shadow_size": num_held}
    check_pools(attacked(**drawn), cards)
    with pytest.raises(ScenarioError, match=f"of which {num_held // 5} are set apart for defended_shadows"):
        check_pools(attacked(**drawn, defended_shadows=True), cards)
    check_pools(attacked(**drawn | {"shadow_size": num_held - num_held // 5}, defended_shadows=True), cards)


def test_what_a_defence_to_come_takes_is_set_apart_for_attacks_after_it(cards: Deal) -> None:
    num_held = len(cards.splits["shadow_test"].labels)
    drawn = {"kind": "transmia", "shadow": "baseline", "shadow_size": num_held, "defended_shadows": True}
    scenario = attacked(**drawn)
    undefended = scenario.cbig.model_copy(update={"api": Api(outputs=["scores", "label"])})
    defend = DefendStep(step="defend", defend=Defend(party="cbig", defences=scenario.cbig.api.defences))
    train, attack = scenario.timeline
    check_pools(scenario.model_copy(update={"cbig": undefended, "timeline": [train, attack, defend]}), cards)
    with pytest.raises(ScenarioError, match="are set apart for defended_shadows"):
        check_pools(scenario.model_copy(update={"cbig": undefended, "timeline": [train, defend, attack]}), cards)


TUNED = {"kind": "transmia", "shadow": "freeze", "tuning_queries": 100}


@pytest.mark.parametrize(
    ("attack", "beside"),
    [
        (TUNED, 100),
        (TUNED | {"head": {"steps": 20}}, 0),
        (TUNED | {"shadow": "baseline"}, 0),
        ({"kind": "entropy", "threshold_queries": 70}, 70),
        ({"kind": "quantile_regression", "own_queries": 60}, 60),
    ],
    ids=str,
)
def test_a_budget_that_does_not_cover_what_an_attack_asks_beside_the_challenge_is_refused(
    attack: dict[str, Any], beside: int, cards: Deal
) -> None:
    most = 3 * (len(cards.splits["challenge"].labels) + beside)
    check_budget(attacked(most, **attack, average=3), cards)
    with pytest.raises(ScenarioError, match=f"up to {most:,} queries"):
        check_budget(attacked(most - 1, **attack, average=3), cards)
