from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from leakdrill.errors import BudgetExhausted, InvalidInput, RateLimited
from leakdrill.parties import ledger as ledger_module
from leakdrill.parties.ledger import Ledger


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


def test_what_is_left_is_by_caller_and_model_and_nothing_limits_the_referee() -> None:
    ledger = Ledger(budget=10)
    ledger.charge("adversary", "source", "scores", 3)
    ledger.charge("adversary", "source", "label", 4)
    assert ledger.left("adversary", "source") == 3
    assert ledger.left("adversary", "other") == ledger.left("csmall", "source") == 10
    assert ledger.left("referee", "source") is None
    assert Ledger().left("adversary", "source") is None


def test_a_key_is_charged_once() -> None:
    ledger = Ledger(budget=10)
    for _ in range(3):
        ledger.charge("adversary", "source", "scores", 6, key="k", request="digest")
    assert ledger.left("adversary", "source") == 4


def test_a_key_that_comes_back_with_another_request_is_refused() -> None:
    ledger = Ledger()
    ledger.charge("adversary", "source", "scores", 6, key="k", request="digest")
    with pytest.raises(InvalidInput, match="idempotency key 'k' came before with another request"):
        ledger.charge("adversary", "source", "scores", 6, key="k", request="other")
    assert ledger.counts() == {("adversary", "source", "scores"): 6}


def test_two_callers_may_use_the_same_key() -> None:
    ledger = Ledger()
    ledger.charge("adversary", "source", "scores", 6, key="k", request="digest")
    ledger.charge("csmall", "source", "scores", 5, key="k", request="other")
    assert ledger.counts() == {("adversary", "source", "scores"): 6, ("csmall", "source", "scores"): 5}


def test_a_refused_request_leaves_no_key_behind() -> None:
    ledger = Ledger(budget=5)
    with pytest.raises(BudgetExhausted):
        ledger.charge("adversary", "source", "scores", 6, key="k", request="digest")
    ledger.charge("adversary", "source", "scores", 5, key="k", request="smaller")
    assert ledger.left("adversary", "source") == 0


def test_keys_are_remembered_in_bounded_number_and_each_caller_has_its_own_bound(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ledger_module, "MAX_KEYS", 2)
    ledger = Ledger()
    ledger.charge("csmall", "source", "scores", 1, key="old", request="digest")
    for key in ("old", "newer", "newest"):
        ledger.charge("adversary", "source", "scores", 1, key=key, request="digest")
    for caller in ("adversary", "csmall"):
        ledger.charge(caller, "source", "scores", 1, key="old", request="digest")
    assert ledger.counts() == {("adversary", "source", "scores"): 4, ("csmall", "source", "scores"): 1}


def test_an_account_goes_on_in_another_process_of_the_party(tmp_path: Path) -> None:
    first = Ledger(tmp_path / "ledger")
    first.open("run", budget=10)
    first.charge("adversary", "source", "scores", 4, key="k", request="digest")
    first.charge("adversary", "source", "label", 3)
    second = Ledger(tmp_path / "ledger")
    second.open("run", budget=10)
    assert (
        second.counts() == first.counts() == {("adversary", "source", "scores"): 4, ("adversary", "source", "label"): 3}
    )
    second.charge("adversary", "source", "scores", 4, key="k", request="digest")
    assert second.left("adversary", "source") == 3
    with pytest.raises(InvalidInput, match="another request"):
        second.charge("adversary", "source", "scores", 4, key="k", request="other")


def test_accounts_are_kept_apart_and_one_that_returns_goes_on(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger")
    for account, spent in (("one", 4), ("two", 2), ("one", 1)):
        ledger.open(account, budget=10)
        ledger.charge("adversary", "source", "scores", spent)
    assert ledger.left("adversary", "source") == 5
    ledger.open("two", budget=10)
    assert ledger.left("adversary", "source") == 8


def test_a_damaged_account_is_no_matter_of_another(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger")
    ledger.open("old", budget=10)
    ledger.charge("adversary", "source", "scores", 1)
    (damaged,) = (tmp_path / "ledger").iterdir()
    damaged.write_text("damaged\n")
    ledger.open("new", budget=10)
    ledger.charge("adversary", "source", "scores", 3)
    assert ledger.left("adversary", "source") == 7
    with pytest.raises(InvalidInput, match="line 1 of"):
        ledger.open("old", budget=10)


def test_the_account_that_is_open_goes_on_when_it_is_opened_again_with_other_limits(tmp_path: Path) -> None:
    for ledger in (Ledger(), Ledger(tmp_path / "ledger")):
        ledger.open("run", budget=10)
        ledger.charge("adversary", "source", "scores", 8)
        ledger.open("run", budget=5)
        assert ledger.left("adversary", "source") == 0
        with pytest.raises(BudgetExhausted, match="asked for 1 queries of source, 0 left of 5"):
            ledger.charge("adversary", "source", "scores", 1)


def test_a_rate_limit_refuses_what_comes_too_early_and_charges_nothing_for_it() -> None:
    now = [100.0]
    ledger = Ledger(clock=lambda: now[0])
    ledger.open("run", budget=1000, rate_limit=10)
    ledger.charge("adversary", "source", "scores", 10)
    with pytest.raises(RateLimited):
        ledger.charge("adversary", "other", "scores", 5, key="k", request="digest")
    assert ledger.counts() == {("adversary", "source", "scores"): 10}
    ledger.charge("referee", "source", "scores", 500)
    now[0] += 0.5
    ledger.charge("adversary", "other", "scores", 5, key="k", request="digest")
    with pytest.raises(RateLimited):  # paid, but it would be computed again
        ledger.charge("adversary", "other", "scores", 5, key="k", request="digest")
    assert ledger.left("adversary", "other") == 995


def test_what_the_budget_does_not_cover_is_no_matter_of_waiting() -> None:
    ledger = Ledger(clock=lambda: 0.0)
    ledger.open("run", budget=10, rate_limit=10)
    ledger.charge("adversary", "source", "scores", 10)
    with pytest.raises(BudgetExhausted):
        ledger.charge("adversary", "source", "scores", 10)


def test_an_allowance_is_a_whole_budget_and_what_is_paid_from_it_counts_with_the_rest(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger")
    ledger.open("run", budget=10)
    ledger.charge("adversary", "source", "scores", 8)
    ledger.allot("fold 0")
    ledger.charge("adversary", "source", "scores", 10, key="k", request="digest")
    with pytest.raises(BudgetExhausted, match="asked for 1 queries of source, 0 left of 10"):
        ledger.charge("adversary", "source", "scores", 1)
    ledger.allot("")
    assert ledger.left("adversary", "source") == 2
    assert ledger.counts() == {("adversary", "source", "scores"): 18}


def test_what_is_left_of_an_allowance_is_known_after_a_restart(tmp_path: Path) -> None:
    for already in (0, 7):
        ledger = Ledger(tmp_path / "ledger")
        ledger.open("run", budget=10)
        assert ledger.left("adversary", "source") == 10
        ledger.allot("fold 0")
        assert ledger.left("adversary", "source") == 10 - already
        ledger.charge("adversary", "source", "scores", 7, key="k", request="digest")
