from concurrent.futures import ThreadPoolExecutor

import pytest

from leakdrill.errors import BudgetExhausted
from leakdrill.ledger import Ledger


def test_a_budget_covers_its_examples_and_no_more() -> None:
    ledger = Ledger(budget=100)
    ledger.charge("adversary", "source", "scores", 60)
    ledger.charge("adversary", "source", "label", 40)
    with pytest.raises(BudgetExhausted, match="asked for 1 queries of source, 0 left of 100"):
        ledger.charge("adversary", "source", "scores", 1)


def test_a_refused_batch_costs_nothing() -> None:
    ledger = Ledger(budget=100)
    with pytest.raises(BudgetExhausted, match="asked for 101 queries of source, 100 left of 100"):
        ledger.charge("adversary", "source", "scores", 101)
    assert ledger.counts() == {}
    ledger.charge("adversary", "source", "scores", 100)


def test_callers_and_models_have_budgets_of_their_own() -> None:
    ledger = Ledger(budget=10)
    ledger.charge("adversary", "source", "scores", 10)
    ledger.charge("adversary", "features", "scores", 10)
    ledger.charge("csmall", "source", "scores", 10)
    assert sum(ledger.counts().values()) == 30


def test_the_referee_is_counted_and_never_refused() -> None:
    ledger = Ledger(budget=10)
    ledger.charge("referee", "source", "scores", 1000)
    assert ledger.counts() == {("referee", "source", "scores"): 1000}
    ledger.charge("adversary", "source", "scores", 10)


def test_opening_starts_anew() -> None:
    ledger = Ledger()
    ledger.charge("adversary", "source", "scores", 1000)
    ledger.open("drill", budget=5)
    assert ledger.counts() == {}
    with pytest.raises(BudgetExhausted):
        ledger.charge("adversary", "source", "scores", 6)


def test_concurrent_callers_cannot_overdraw() -> None:
    ledger = Ledger(budget=1000)

    def spend(_: int) -> int:
        try:
            ledger.charge("adversary", "source", "scores", 7)
        except BudgetExhausted:
            return 0
        return 7

    with ThreadPoolExecutor(8) as pool:
        spent = sum(pool.map(spend, range(400)))
    assert spent == 994 == sum(ledger.counts().values())
