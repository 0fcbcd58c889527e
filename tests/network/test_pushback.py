"""How long a client waits before it asks again: as long as it is told to, and not where that is in vain."""

import grpc
import numpy as np
import pytest
from guarded import eventually
from predict_api import PredictApi, party_credentials, photos, predict_api

from leakdrill.errors import BudgetExhausted
from leakdrill.network.identity import Credentials
from leakdrill.oracles import remote
from leakdrill.oracles.remote import RemoteOracle
from leakdrill.parties.ledger import Ledger


@pytest.fixture(scope="module")
def credentials(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Credentials]:
    return party_credentials(tmp_path_factory.mktemp("credentials"), "cbig", "adversary")


def test_an_exhausted_budget_is_not_asked_again(
    credentials: dict[str, Credentials], monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = Ledger()
    ledger.open("run", budget=5)
    with (
        predict_api(credentials["cbig"], ledger) as api,
        RemoteOracle("cbig/source", api.address, credentials["adversary"]) as oracle,
        monkeypatch.context() as patch,
    ):
        patch.setattr(remote.time, "sleep", lambda seconds: pytest.fail(f"slept {seconds} s"))
        with pytest.raises(BudgetExhausted):
            oracle.query(photos(6))
    assert eventually(lambda: api.guard.refusals.total() == 1)


def test_an_oracle_waits_as_long_as_a_rate_limit_asks_and_goes_on_in_order(
    credentials: dict[str, Credentials], monkeypatch: pytest.MonkeyPatch
) -> None:
    now, images = [0.0], photos(100)
    expected = PredictApi().predict([images], frozenset(["scores"]))["scores"]
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        now[0] += seconds

    monkeypatch.setattr(remote.time, "sleep", sleep)
    ledger = Ledger(clock=lambda: now[0])
    ledger.open("run", rate_limit=20)
    with (
        predict_api(credentials["cbig"], ledger) as api,
        RemoteOracle("cbig/source", api.address, credentials["adversary"], batch_size=10) as oracle,
    ):
        np.testing.assert_array_equal(oracle.query(images), expected)
    assert api.ledger.counts() == {("adversary", "source", "scores"): 100}
    assert 4.0 <= sum(slept) <= 4.1  # a burst of 20, then 80 at 20 a second; waits are whole milliseconds
    assert eventually(lambda: api.guard.refusals.total() >= 8)


@pytest.mark.parametrize(
    ("pushback", "is_tried_again"), [("5", True), ("-1", False), ("soon", False), ("10000000", False)]
)
def test_a_server_may_ask_for_a_pause_of_reasonable_length(pushback: str, is_tried_again: bool) -> None:
    class Refusal:
        def trailing_metadata(self) -> tuple[tuple[str, str], ...]:
            return (("grpc-retry-pushback-ms", pushback),)

        def code(self) -> grpc.StatusCode:
            return grpc.StatusCode.RESOURCE_EXHAUSTED

    assert remote._pause_seconds(Refusal(), iter([1.0])) == (0.005 if is_tried_again else None)
