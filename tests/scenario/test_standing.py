from typing import Any

import pytest
from small import SMALL, small

from leakdrill.attacks import Boundary, Entropy, FirstCut, Gap, TransMia
from leakdrill.attacks.base import Attack
from leakdrill.scenario.standing import adaptive_to, standing

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
