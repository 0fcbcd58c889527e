from typing import Any

import pytest
from small import SMALL, small

from leakdrill.attacks import ATTACKS, Boundary, ConfidenceVector, Entropy, FirstCut, Gap, Oslo, TransMia
from leakdrill.attacks.base import Attack
from leakdrill.data.splits import deal
from leakdrill.defences import MemGuard, Rounding
from leakdrill.defences.release.weight_noise import WeightNoise
from leakdrill.defences.training import L2
from leakdrill.errors import ScenarioError
from leakdrill.referee.dealing import party_configs
from leakdrill.scenario.standing import adaptive_to, defences_of_victim, standing
from leakdrill.scenario.threat import check_threat

DEFENDED = {
    "cbig": SMALL["cbig"] | {"api": {"outputs": ["scores", "label"], "defences": [{"kind": "memguard"}]}},
    "csmall": {"apis": ["features"], "api": {"defences": [{"kind": "output_noise"}]}},
}


def faced(attack: Attack, **changes: Any) -> list[str]:
    of = small(**(DEFENDED | changes))
    return [f"{each.party} {each.kind}" for each in standing(of) if each.is_faced_by(attack, "cbig/source")]


def test_a_defence_of_an_api_stands_against_whoever_asks_that_company() -> None:
    assert faced(Gap(output="label")) == faced(Entropy()) == ["cbig memguard"]
    assert faced(FirstCut(api="features")) == ["csmall output_noise"]


@pytest.mark.parametrize(("attack", "adapts"), [(Gap(), True), (Boundary(), True), (Entropy(), False)], ids=repr)
def test_who_asks_for_labels_is_not_troubled_by_a_defence_that_keeps_them(attack: Attack, adapts: bool) -> None:
    assert adaptive_to(attack, small(**DEFENDED)) == (["memguard"] if adapts else [])
    rounded = {"api": {"outputs": ["scores", "label"], "defences": [{"kind": "rounding"}]}}
    assert adaptive_to(attack, small(cbig=SMALL["cbig"] | rounded)) == []


def test_without_defences_there_is_nothing_to_adapt_to() -> None:
    assert list(standing(small())) == []
    assert adaptive_to(TransMia(shadow="baseline"), small()) == []


def test_who_knows_the_defences_may_adapt_and_who_does_not_is_refused() -> None:
    attack = {"attack": {"kind": "confidence_vector", "defended_shadows": True}}
    timeline = ["train_source", attack]
    with pytest.raises(ScenarioError, match=r"defences: set adversary\.knows\.defences: true"):
        check_threat(small(**DEFENDED, timeline=timeline))
    told = small(**DEFENDED, timeline=timeline, adversary={"knows": {"defences": True}})
    check_threat(told)
    assert defences_of_victim(told).prediction == (MemGuard(),)
    assert adaptive_to(ConfidenceVector(defended_shadows=True), told) == ["memguard"]


def test_only_who_trains_shadow_apis_adapts_to_a_defence_that_moves_labels() -> None:
    rounded = small(cbig=SMALL["cbig"] | {"api": {"outputs": ["label"], "defences": [{"kind": "rounding"}]}})
    assert adaptive_to(Boundary(defended_shadows=True), rounded) == ["rounding"]
    assert adaptive_to(Oslo(defended_shadows=True), rounded) == []  # its shadows are no APIs


def test_two_defences_of_a_kind_are_told_apart() -> None:
    noisy = [{"kind": "output_noise", "eta": 0.1, "fresh": fresh} for fresh in (True, False)]
    twice = small(
        cbig=SMALL["cbig"] | {"api": {"defences": [*noisy, {"kind": "top_k"}]}},
        csmall={"apis": ["features"], "api": {"defences": noisy[:1]}},
    )
    assert [each.name for each in standing(twice)] == [
        "cbig prediction output_noise 1",
        "cbig prediction output_noise 2",
        "top_k",
        "csmall prediction output_noise",
    ]
    assert adaptive_to(Entropy(average=100), twice) == ["cbig prediction output_noise 1"]


#: Every attack that runs another, as it is by default.
WRAPPING = [
    (kind(), name)
    for kind in ATTACKS.values()
    for name, field in kind.model_fields.items()
    if isinstance(field.default, Attack)
]


@pytest.mark.parametrize(("attack", "wrapped"), WRAPPING, ids=lambda value: getattr(value, "kind", value))
def test_an_attack_that_runs_another_adapts_to_what_that_one_adapts_to(attack: Attack, wrapped: str) -> None:
    inner = getattr(attack, wrapped)
    around = [(MemGuard(), "prediction"), (Rounding(), "prediction"), (L2(), "training"), (WeightNoise(), "release")]
    for by in (inner, inner.model_copy(update={"defended_shadows": True})):
        outer = attack.model_copy(update={wrapped: by})
        for defence, stage in around:
            assert outer.adapts_to(defence, stage) == by.adapts_to(defence, stage)  # type: ignore[arg-type]


def test_there_are_attacks_that_run_another() -> None:
    assert [attack.kind for attack, _ in WRAPPING]


def test_the_adversary_is_told_of_defences_only_where_that_is_granted() -> None:
    cards = deal(small().data, "key")
    addresses = dict.fromkeys(["cbig/private", "cbig/public", "csmall/public", "csmall/exfiltration"], "host:1")
    for granted in (False, True):
        scenario = small(**DEFENDED, adversary={"knows": {"defences": granted}})
        sent = party_configs(scenario, cards, addresses, "drill", "key", {})["adversary"].model_dump_json()
        assert ("memguard" in sent) is granted
