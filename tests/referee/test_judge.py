import numpy as np
import pytest
from small import SMALL, small

from leakdrill.attacks.base import Verdict
from leakdrill.attacks.gap import Gap
from leakdrill.referee.judge import Judge
from leakdrill.referee.truth import Truth
from leakdrill.results import AttackResult
from leakdrill.splits import deal


def judged(cbig_price: float, csmall_price: float) -> AttackResult:
    scenario = small(
        cbig=SMALL["cbig"] | {"api": {"price_per_thousand": cbig_price}},
        csmall={"api": {"price_per_thousand": csmall_price}},
    )
    is_member = np.arange(20) % 2 == 0
    verdict = Verdict(np.linspace(0, 1, 20), is_member, {})
    judge = Judge(scenario, Truth(is_member, np.zeros(20, np.int64)), deal(scenario.data, "key"))
    return judge.attack(Gap(), [verdict], {"cbig/source": 2400, "csmall/recognition": 100}, seconds=1.0)


def test_an_attack_costs_its_queries_at_each_owners_price() -> None:
    assert judged(1.5, 0).cost == pytest.approx(3.6)
    assert judged(1.5, 10).cost == pytest.approx(4.6)
    assert judged(0, 0).cost == 0


def test_results_of_before_there_were_prices_can_still_be_read() -> None:
    old = judged(1.5, 0).model_dump(mode="json", exclude={"cost"})
    assert AttackResult.model_validate(old).cost == 0
