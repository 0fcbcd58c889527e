import asyncio
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
from guarded import WAIT_SECONDS, eventually
from ports import free_ports
from serving import run, running_loop, served

from leakdrill import errors
from leakdrill.network.guard import MAX_CALLS_PER_CALLER
from leakdrill.network.identity import Authority, Credentials
from leakdrill.network.policy import Policy
from leakdrill.network.rpc import (
    MAX_CONCURRENT_CALLS,
    MAX_MESSAGE_BYTES,
    Guard,
    Listener,
    connect,
    remote_errors,
    serve,
)
from leakdrill.pb import party_pb2, party_pb2_grpc


class PartyServicer(party_pb2_grpc.PartyServiceServicer):
    """Raises the LeakdrillError that `config_json` names; "bug" is anything else, "stay" waits until it `may_go`."""

    def __init__(self) -> None:
        self.num_staying = 0
        self.may_go = threading.Event()

    async def Configure(self, request: party_pb2.ConfigureRequest, context: Any) -> party_pb2.ConfigureResponse:
        if request.config_json == "bug":
            raise ZeroDivisionError
        if request.config_json == "stay":
            self.num_staying += 1
            while not self.may_go.is_set():
                await asyncio.sleep(0.01)
        if kind := getattr(errors, request.config_json, None):
            raise kind("wanted 3, got 2")
        return party_pb2.ConfigureResponse()


def listener(*addresses: str, name: str = "private", party: PartyServicer | None = None) -> Listener:
    def add(server: Any) -> None:
        party_pb2_grpc.add_PartyServiceServicer_to_server(party or PartyServicer(), server)

    return Listener(name, add, ("leakdrill.v1.PartyService",), addresses or ("127.0.0.1:0",))


def guard() -> Guard:
    return Guard("cbig", Policy.load())


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority.create()


@pytest.fixture(scope="module")
def credentials(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Credentials]:
    directory = tmp_path_factory.mktemp("credentials")
    for party in ("referee", "cbig", "csmall"):
        authority.issue(party, directory / party)
    return {path.name: Credentials.load(path) for path in directory.iterdir()}


@pytest.fixture
def party() -> PartyServicer:
    return PartyServicer()


@pytest.fixture
def address(credentials: dict[str, Credentials], party: PartyServicer) -> Iterator[str]:
    with served(guard(), [listener(party=party)], credentials["cbig"]) as addresses:
        yield addresses["private"]


def configure(address: str, credentials: Credentials, what: str = "", party: str = "cbig") -> None:
    with connect(address, credentials, party) as channel, remote_errors(party):
        request = party_pb2.ConfigureRequest(config_json=what)
        party_pb2_grpc.PartyServiceStub(channel).Configure(request, timeout=WAIT_SECONDS)


@pytest.mark.parametrize(
    "kind",
    [
        errors.InvalidInput,
        errors.ScenarioError,
        errors.AccessDenied,
        errors.NotReady,
        errors.NotFound,
        errors.BudgetExhausted,
    ],
)
def test_an_error_is_the_same_at_the_other_end(
    address: str, credentials: dict[str, Credentials], kind: type[Exception]
) -> None:
    with pytest.raises(errors.LeakdrillError) as caught:
        configure(address, credentials["referee"], kind.__name__)
    assert type(caught.value) is kind
    assert str(caught.value) == "cbig: wanted 3, got 2"


def test_a_bug_at_the_other_end_is_an_unavailable_party(address: str, credentials: dict[str, Credentials]) -> None:
    with pytest.raises(errors.PartyUnavailable, match=r"^cbig: internal error \(INTERNAL\)$"):
        configure(address, credentials["referee"], "bug")


def test_a_message_over_grpcs_limit_is_no_exhausted_budget(address: str, credentials: dict[str, Credentials]) -> None:
    own = credentials["referee"]
    # our own channels would not send so large a message
    options = [("grpc.max_send_message_length", -1), ("grpc.ssl_target_name_override", "cbig")]
    tls = grpc.ssl_channel_credentials(own.ca, own.key, own.cert)
    with (
        grpc.secure_channel(address, tls, options) as channel,
        pytest.raises(errors.PartyUnavailable, match="larger"),
        remote_errors("cbig"),
    ):
        channel.unary_unary("/leakdrill.v1.PartyService/Configure")(bytes(MAX_MESSAGE_BYTES + 1), timeout=WAIT_SECONDS)


def test_a_server_with_another_partys_certificate_is_refused(address: str, credentials: dict[str, Credentials]) -> None:
    with pytest.raises(errors.PartyUnavailable, match="csmall"):
        configure(address, credentials["referee"], party="csmall")


def test_an_expired_certificate_opens_nothing(
    address: str, authority: Authority, credentials: dict[str, Credentials], tmp_path: Path
) -> None:
    authority.issue("referee", tmp_path / "expired", lifetime=timedelta(seconds=-1))
    authority.issue("referee", tmp_path / "short", lifetime=timedelta(minutes=1))
    with pytest.raises(errors.PartyUnavailable):
        configure(address, Credentials.load(tmp_path / "expired"))
    configure(address, Credentials.load(tmp_path / "short"))


def test_an_expired_server_is_refused(
    authority: Authority, credentials: dict[str, Credentials], tmp_path: Path
) -> None:
    authority.issue("cbig", tmp_path, lifetime=timedelta(seconds=-1))
    expired = Credentials.load(tmp_path)
    with served(guard(), [listener()], expired) as addresses, pytest.raises(errors.PartyUnavailable):
        configure(addresses["private"], credentials["referee"])


def test_nobody_at_the_address_is_an_unavailable_party(credentials: dict[str, Credentials]) -> None:
    with pytest.raises(errors.PartyUnavailable, match=r"cbig: .*UNAVAILABLE"):
        configure("127.0.0.1:1", credentials["referee"])


def test_a_taken_address_is_an_error_that_names_it_and_leaves_nothing_running(
    address: str, credentials: dict[str, Credentials]
) -> None:
    with running_loop() as loop, pytest.raises(errors.PartyUnavailable, match=f"cannot listen on {address}"):
        run(loop, serve(guard(), [listener(name="public"), listener(address)], credentials["cbig"]))


def test_every_listener_has_a_port_of_its_own(credentials: dict[str, Credentials]) -> None:
    with served(guard(), [listener(), listener(name="public")], credentials["cbig"]) as addresses:
        assert addresses.keys() == {"private", "public"}
        assert addresses["private"] != addresses["public"]
        configure(addresses["private"], credentials["referee"])


def test_a_listener_answers_at_each_of_its_addresses(credentials: dict[str, Credentials]) -> None:
    """As cbig's private one does in its container, on two networks."""
    first = f"127.0.0.1:{free_ports(1)[0]}"
    with served(guard(), [listener(first, "127.0.0.1:0")], credentials["cbig"]) as addresses:
        for address in (first, addresses["private"]):
            configure(address, credentials["referee"])


def test_a_stopped_server_is_unavailable(credentials: dict[str, Credentials]) -> None:
    with served(guard(), [listener()], credentials["cbig"]) as addresses:
        configure(addresses["private"], credentials["referee"])
    with pytest.raises(errors.PartyUnavailable):
        configure(addresses["private"], credentials["referee"])


def test_a_call_that_runs_may_end_while_its_server_stops(
    credentials: dict[str, Credentials], party: PartyServicer
) -> None:
    with running_loop() as loop, ThreadPoolExecutor(1) as pool:
        serving = run(loop, serve(guard(), [listener(party=party)], credentials["cbig"]))
        address = f"127.0.0.1:{serving.ports['private']}"
        configure(address, credentials["referee"])
        calling = pool.submit(configure, address, credentials["referee"], "stay")
        assert eventually(lambda: party.num_staying == 1)
        stopping = asyncio.run_coroutine_threadsafe(serving.stop(WAIT_SECONDS), loop)
        run(loop, asyncio.sleep(0.1))  # it has been asked to stop by then
        party.may_go.set()
        calling.result()
        stopping.result(WAIT_SECONDS)


def test_a_caller_with_too_many_calls_at_once_is_told_to_wait(
    address: str, credentials: dict[str, Credentials], party: PartyServicer
) -> None:
    with connect(address, credentials["referee"], "cbig") as channel:
        stub = party_pb2_grpc.PartyServiceStub(channel)
        assert outcomes_of(stub, MAX_CALLS_PER_CALLER + 5, party) == {"None": MAX_CALLS_PER_CALLER, "Crowded": 5}
        stub.Configure(party_pb2.ConfigureRequest(), timeout=WAIT_SECONDS)


def test_too_many_calls_at_once_are_turned_away_and_no_exhausted_budget(
    address: str, credentials: dict[str, Credentials], party: PartyServicer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "leakdrill.network.guard.MAX_CALLS_PER_CALLER", 2 * MAX_CONCURRENT_CALLS
    )  # as if they were several
    with connect(address, credentials["referee"], "cbig") as channel:
        stub = party_pb2_grpc.PartyServiceStub(channel)
        outcomes = outcomes_of(stub, MAX_CONCURRENT_CALLS + 5, party)
        assert outcomes == {"None": MAX_CONCURRENT_CALLS, "PartyUnavailable": 5}
        stub.Configure(party_pb2.ConfigureRequest(), timeout=WAIT_SECONDS)


def outcomes_of(stub: Any, num_calls: int, party: PartyServicer) -> Counter[str]:
    """What became of so many calls at once, all of which stay until each has been let in or turned away."""
    stay = party_pb2.ConfigureRequest(config_json="stay")
    calls = [stub.Configure.future(stay, timeout=WAIT_SECONDS) for _ in range(num_calls)]
    assert eventually(lambda: party.num_staying + sum(call.done() for call in calls) == num_calls)
    party.may_go.set()
    return Counter(str(outcome_of(call)) for call in calls)


def outcome_of(call: Any) -> str | None:
    try:
        with remote_errors("cbig"):
            call.result()
    except errors.LeakdrillError as error:
        return type(error).__name__
    return None


class FailedCall(grpc.RpcError):
    """What a client sees of a server that is not ours."""

    def __init__(self, status: str) -> None:
        self._status = status

    def code(self) -> grpc.StatusCode:
        return grpc.StatusCode[self._status]

    def details(self) -> str:
        return "no"

    def trailing_metadata(self) -> None:
        return None


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        ("NOT_FOUND", errors.NotFound),
        ("INVALID_ARGUMENT", errors.InvalidInput),
        ("PERMISSION_DENIED", errors.AccessDenied),
        ("RESOURCE_EXHAUSTED", errors.PartyUnavailable),
        ("UNIMPLEMENTED", errors.PartyUnavailable),
        ("DEADLINE_EXCEEDED", errors.PartyUnavailable),
    ],
)
def test_a_foreign_servers_error_goes_by_its_status(status: str, kind: type[errors.LeakdrillError]) -> None:
    with pytest.raises(kind, match=r"^triton: no"), remote_errors("triton"):
        raise FailedCall(status)
