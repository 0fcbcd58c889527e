"""Clients that are many, killed, cut off or too fast, against real servers: what they pay, and what they get."""

import contextlib
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from predict_api import IMAGE_SIZE, TAILS, PredictApi, party_credentials, photos, predict_api
from prometheus_client import REGISTRY
from tcp_proxy import Proxy, proxied

from leakdrill.errors import BudgetExhausted, PartyUnavailable
from leakdrill.network.identity import Credentials
from leakdrill.oracles import remote
from leakdrill.oracles.oracle import Output
from leakdrill.oracles.remote import RemoteOracle
from leakdrill.parties.batching import Rows
from leakdrill.parties.inference import PublicModel, image_input
from leakdrill.parties.ledger import Ledger

SCORES = ("adversary", "source", "scores")
WAIT_SECONDS = 60.0  # before a test gives up

#: A client process: asks about ten images in a scope that it is given, and prints what it gets.
CLIENT = """
import sys
from pathlib import Path
import numpy as np
from leakdrill.network.identity import Credentials
from leakdrill.oracles.remote import RemoteOracle

address, credentials, scope = sys.argv[1:]
images = np.arange(10 * 8 * 8 * 3, dtype=np.uint8).reshape(10, 8, 8, 3)
with RemoteOracle("cbig/source", address, Credentials.load(Path(credentials)), scope=scope) as oracle:
    print("asking", flush=True)
    print(oracle.query(images).tobytes().hex(), flush=True)
"""
CLIENTS_IMAGES = np.arange(10 * 8 * 8 * 3, dtype=np.uint8).reshape(10, 8, 8, 3)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("credentials")


@pytest.fixture(scope="module")
def credentials(folder: Path) -> dict[str, Credentials]:
    return party_credentials(folder, "referee", "cbig", "adversary")


@pytest.fixture
def api(credentials: dict[str, Credentials]) -> Iterator[PredictApi]:
    with predict_api(credentials["cbig"]) as api:
        yield api


@pytest.fixture
def proxy(api: PredictApi) -> Iterator[Proxy]:
    with proxied(api.address) as proxy:
        yield proxy


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "what should have happened did not"
        time.sleep(0.005)


def answer(images: NDArray[np.uint8]) -> NDArray[Any]:
    return PredictApi().predict([images], frozenset(["scores"]))["scores"]


def num_cancelled() -> float:
    """Calls of the adversary whose caller has gone away, as the server saw it."""
    labels = {"party": "cbig", "caller": "adversary", "grpc_type": "unary", "grpc_code": "CANCELLED"}
    labels |= {"grpc_service": "inference.GRPCInferenceService", "grpc_method": "ModelInfer"}
    return REGISTRY.get_sample_value("grpc_server_handled_total", labels) or 0.0


@contextlib.contextmanager
def held_back(api: PredictApi) -> Iterator[threading.Event]:
    """The model computes only once the event is set."""
    may_answer = threading.Event()

    def predict(inputs: Rows, outputs: frozenset[Output]) -> dict[Output, NDArray[Any]]:
        made = api.predict(inputs, outputs)
        assert may_answer.wait(WAIT_SECONDS)
        return made

    api.models["source"] = PublicModel("source", (image_input(IMAGE_SIZE),), {"scores": TAILS["scores"]}, predict)
    try:
        yield may_answer
    finally:
        may_answer.set()


def test_sixty_four_clients_on_one_budget_spend_exactly_the_budget(
    api: PredictApi, credentials: dict[str, Credentials]
) -> None:
    budget = 2003  # a prime: no batch size divides it
    api.ledger.open("run", budget=budget)
    everyone_is_here = threading.Barrier(64)

    def spend(number: int) -> int:
        """Asks, and for less when refused, until not one example is left."""
        spent, batch = 0, 1 + number % 9
        with RemoteOracle("cbig/source", api.address, credentials["adversary"]) as oracle:
            everyone_is_here.wait(WAIT_SECONDS)
            while batch and sum(api.calls) <= budget:
                try:
                    images = photos(batch, seed=number)
                    np.testing.assert_array_equal(oracle.query(images), answer(images))
                    spent += batch
                except BudgetExhausted:
                    batch -= 1
        return spent

    with ThreadPoolExecutor(64) as pool:
        spent = sum(pool.map(spend, range(64)))
    assert spent == budget == sum(api.ledger.counts().values()) == sum(api.calls)
    assert api.ledger.left("adversary", "source") == 0


def test_a_client_that_is_killed_in_mid_call_and_asks_again_is_charged_once(
    api: PredictApi, credentials: dict[str, Credentials], folder: Path
) -> None:
    def client() -> subprocess.Popen[str]:
        arguments = [sys.executable, "-c", CLIENT, api.address, str(folder / "adversary"), "run/attack/0"]
        return subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True)

    cancelled = num_cancelled()
    with held_back(api) as may_answer:
        with client() as first:
            until(lambda: api.calls == [10])
            first.kill()
            assert first.communicate()[0] == "asking\n"
        assert first.returncode == -signal.SIGKILL
        until(lambda: num_cancelled() == cancelled + 1)  # its call has ended at the server, too
        may_answer.set()
        with client() as second:
            said, _ = second.communicate(timeout=WAIT_SECONDS)
    assert said.split() == ["asking", answer(CLIENTS_IMAGES).tobytes().hex()]
    assert api.ledger.counts() == {SCORES: 10}
    assert api.calls == [10]  # what the first asked for was computed to its end, and kept


def test_a_reply_that_was_lost_on_the_way_is_not_charged_twice(
    api: PredictApi, proxy: Proxy, credentials: dict[str, Credentials]
) -> None:
    images = photos(40)
    with (
        ThreadPoolExecutor(1) as pool,
        RemoteOracle("cbig/source", proxy.address, credentials["adversary"], batch_size=10) as oracle,
    ):
        proxy.swallows = True
        answers = pool.submit(oracle.query, images)
        until(lambda: sum(api.calls) == 30 and proxy.num_swallowed_bytes > 0)  # all that may be in flight
        assert not answers.done()
        proxy.swallows = False
        proxy.cut()
        np.testing.assert_array_equal(answers.result(WAIT_SECONDS), answer(images))
    assert api.ledger.counts() == {SCORES: 40}
    assert sum(api.calls) == 40


def test_replies_lost_again_and_again_are_asked_for_a_bounded_number_of_times(
    api: PredictApi, proxy: Proxy, credentials: dict[str, Credentials], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote, "RETRY_SECONDS", (0.01, 0.01))
    with RemoteOracle("cbig/source", proxy.address, credentials["adversary"]) as oracle:
        proxy.upstream = "127.0.0.1:1"  # where nobody answers
        proxy.cut()
        with pytest.raises(PartyUnavailable, match="cbig"):
            oracle.query(photos(1))
    assert api.ledger.counts() == {}


def test_a_service_that_starts_anew_in_mid_attack_goes_on_with_the_account(
    credentials: dict[str, Credentials], tmp_path: Path
) -> None:
    images = photos(40)

    def ledger() -> Ledger:
        account = Ledger(tmp_path / "ledger")
        account.open("run", budget=60)
        return account

    with contextlib.ExitStack() as stack:
        with predict_api(credentials["cbig"], ledger()) as first:
            proxy = stack.enter_context(proxied(first.address))
            own = credentials["adversary"]
            oracle = stack.enter_context(RemoteOracle("cbig/source", proxy.address, own, 10, scope="run/attack/0"))
            np.testing.assert_array_equal(oracle.query(images), answer(images))
        with predict_api(credentials["cbig"], ledger()) as second:
            proxy.upstream = second.address
            assert second.ledger.left("adversary", "source") == 20
            again = stack.enter_context(RemoteOracle("cbig/source", second.address, own, 10, scope="run/attack/0"))
            np.testing.assert_array_equal(again.query(images), answer(images))
            assert second.ledger.left("adversary", "source") == 20  # asked before, and computed again
            np.testing.assert_array_equal(oracle.query(images[:20]), answer(images[:20]))  # connects anew
            with pytest.raises(BudgetExhausted, match="asked for 10 queries of source, 0 left of 60"):
                oracle.query(images[20:])


def test_the_same_questions_in_another_scope_are_paid_again(
    api: PredictApi, credentials: dict[str, Credentials]
) -> None:
    images = photos(20)
    for scope in ("run/attack/0", "run/attack/1", "run/attack/0", "", ""):
        with RemoteOracle("cbig/source", api.address, credentials["adversary"], 10, scope=scope) as oracle:
            np.testing.assert_array_equal(oracle.query(images), answer(images))
    assert api.ledger.counts() == {SCORES: 4 * 20}


def test_a_question_asked_twice_in_one_attack_is_two_questions(
    api: PredictApi, credentials: dict[str, Credentials]
) -> None:
    with RemoteOracle("cbig/source", api.address, credentials["adversary"], scope="run/attack/0") as oracle:
        oracle.query(photos(5))
        oracle.query(photos(5))
    assert api.ledger.counts() == {SCORES: 10}
