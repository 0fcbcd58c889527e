"""What each party is told, and what is refused before anybody is told anything."""

import pytest
from small import small

from leakdrill.data.splits import Deal, deal
from leakdrill.parties.config import CbigConfig, CsmallConfig, PartyConfig
from leakdrill.referee.dealing import party_configs

ADDRESSES = dict.fromkeys(["cbig/private", "cbig/public", "csmall/public", "csmall/exfiltration"], "host:1")


@pytest.fixture(scope="module")
def cards() -> Deal:
    return deal(small().data, "key")


def told(cards: Deal, split_key: str) -> dict[str, PartyConfig]:
    return party_configs(small(adversary={"knows": {"defences": True}}), cards, ADDRESSES, "drill", split_key)


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
