"""Every way in, tried by everybody, against real servers with real certificates and the real policy."""

import logging
import queue
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from guarded import PARTIES, CountingGuard, add_exfiltration, add_private, configure, eventually, refusal
from predict_api import party_credentials
from serving import served

from leakdrill import errors
from leakdrill.network.guard import Guard, Interceptor
from leakdrill.network.identity import Authority, Credentials
from leakdrill.network.policy import Policy
from leakdrill.network.rpc import Listener, connect
from leakdrill.pb import party_pb2, party_pb2_grpc, source_pb2, source_pb2_grpc, target_pb2, target_pb2_grpc


@pytest.fixture(scope="module")
def credentials(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Credentials]:
    return party_credentials(tmp_path_factory.mktemp("credentials"), *PARTIES, "stranger")


@pytest.fixture
def guard() -> CountingGuard:
    return CountingGuard("cbig", Policy.load())


@pytest.fixture
def address(guard: CountingGuard, credentials: dict[str, Credentials]) -> Iterator[str]:
    listener = Listener("private", add_private, ("leakdrill.v1.PartyService",))
    with served(guard, [listener], credentials["cbig"]) as addresses:
        yield addresses["private"]


def test_a_method_learns_its_caller_from_the_certificate(address: str, credentials: dict[str, Credentials]) -> None:
    with connect(address, credentials["referee"], "cbig") as channel:
        assert list(configure(channel).held_splits) == ["referee"]


@pytest.mark.parametrize("party", ["cbig", "csmall", "adversary", "stranger"])
def test_other_parties_are_denied_and_counted(
    address: str, credentials: dict[str, Credentials], guard: CountingGuard, party: str
) -> None:
    with connect(address, credentials[party], "cbig") as channel:
        status, message = refusal(configure, channel)
    assert status == "PERMISSION_DENIED"
    assert message == (
        f"{party} may not call /leakdrill.v1.PartyService/Configure "
        "at cbig's private listener while the drill is in state 'setup'"
    )
    assert eventually(
        lambda: guard.refusals == {(party, "/leakdrill.v1.PartyService/Configure", "PERMISSION_DENIED"): 1}
    )


def test_a_claim_in_the_metadata_does_not_make_an_identity(address: str, credentials: dict[str, Credentials]) -> None:
    with connect(address, credentials["adversary"], "cbig") as channel:
        stub = party_pb2_grpc.PartyServiceStub(channel)
        for claim in (("peer_spiffe_id", "spiffe://leakdrill/referee"), ("caller", "referee")):
            with pytest.raises(grpc.RpcError, match="PERMISSION_DENIED"):
                stub.Configure(party_pb2.ConfigureRequest(), metadata=(claim,), timeout=10)


def in_plain_text(address: str, _: Path) -> Any:
    return grpc.insecure_channel(address)


def without_a_certificate(address: str, directory: Path) -> Any:
    ca = (directory / "ca.pem").read_bytes()
    return grpc.secure_channel(address, grpc.ssl_channel_credentials(ca), [("grpc.ssl_target_name_override", "cbig")])


def with_another_authoritys(address: str, directory: Path) -> Any:
    Authority.create().issue("referee", directory / "other")
    other = Credentials.load(directory / "other")
    return connect(address, Credentials((directory / "ca.pem").read_bytes(), other.cert, other.key), "cbig")


@pytest.mark.parametrize("channel_of", [in_plain_text, without_a_certificate, with_another_authoritys])
def test_without_a_certificate_of_the_drills_authority_nothing_answers(
    address: str, credentials: dict[str, Credentials], tmp_path: Path, channel_of: Any
) -> None:
    (tmp_path / "ca.pem").write_bytes(credentials["referee"].ca)
    with channel_of(address, tmp_path) as channel:
        assert refusal(configure, channel)[0] == "UNAVAILABLE"


@pytest.mark.parametrize("path", ["/no.Such/Method", "/leakdrill.v1.PartyService/NoSuchMethod", "/", "/a/b/c"])
def test_unknown_methods_are_denied_and_counted_under_one_name(
    address: str, credentials: dict[str, Credentials], guard: CountingGuard, path: str
) -> None:
    with connect(address, credentials["referee"], "cbig") as channel:
        for kind in (channel.unary_unary(path), lambda request: list(channel.stream_stream(path)(iter([request])))):
            assert refusal(kind, b"anything")[0] == "PERMISSION_DENIED"
    assert eventually(lambda: guard.refusals == {("referee", "unknown", "PERMISSION_DENIED"): 2})


def test_a_denied_request_is_not_even_parsed(address: str, credentials: dict[str, Credentials]) -> None:
    path, garbage = "/leakdrill.v1.PartyService/Configure", b"\xff" * 20
    with connect(address, credentials["adversary"], "cbig") as channel:
        assert refusal(channel.unary_unary(path), garbage)[0] == "PERMISSION_DENIED"
    with connect(address, credentials["referee"], "cbig") as channel:
        status, message = refusal(channel.unary_unary(path), garbage)
    assert status == "INVALID_ARGUMENT"
    assert "not a message of the expected type" in message


def test_a_unary_method_called_without_a_request_is_refused(address: str, credentials: dict[str, Credentials]) -> None:
    with connect(address, credentials["referee"], "cbig") as channel:
        call = channel.stream_unary("/leakdrill.v1.PartyService/Configure")
        assert refusal(call, iter([])) == ("INVALID_ARGUMENT", "the call carried no request: send one message")


@pytest.mark.parametrize(
    "name", ["InvalidInput", "ScenarioError", "AccessDenied", "NotReady", "NotFound", "BudgetExhausted"]
)
def test_an_error_travels_as_its_status_with_its_message(
    address: str, credentials: dict[str, Credentials], guard: CountingGuard, name: str
) -> None:
    status = getattr(errors, name).status
    with connect(address, credentials["referee"], "cbig") as channel:
        assert refusal(configure, channel, name) == (status, "an error of referee's making")
    assert eventually(lambda: guard.refusals == {("referee", "/leakdrill.v1.PartyService/Configure", status): 1})


def test_a_bug_is_opaque_to_the_caller_and_logged_here(
    address: str, credentials: dict[str, Credentials], guard: CountingGuard, caplog: pytest.LogCaptureFixture
) -> None:
    with connect(address, credentials["referee"], "cbig") as channel:
        assert refusal(configure, channel, "bug") == ("INTERNAL", "internal error")
        assert configure(channel).held_splits, "the next call is answered"
    assert "a secret of the party" in caplog.text
    assert not guard.refusals


def test_client_streams_are_read_to_their_end(address: str, credentials: dict[str, Credentials]) -> None:
    with connect(address, credentials["referee"], "cbig") as channel:
        requests = (party_pb2.ProvisionRequest() for _ in range(25))
        assert party_pb2_grpc.PartyServiceStub(channel).Provision(requests).num_examples == 25


def test_a_server_stream_delivers_what_came_before_its_error(address: str, credentials: dict[str, Credentials]) -> None:
    with connect(address, credentials["referee"], "cbig") as channel:
        responses = source_pb2_grpc.SourceServiceStub(channel).Train(source_pb2.TrainRequest())
        assert [next(responses).progress.fraction for _ in range(3)] == [0, 1 / 3, 2 / 3]
        assert refusal(next, responses) == ("FAILED_PRECONDITION", "no training data was dealt")


def test_a_caller_that_gives_up_is_no_error_here(
    address: str, credentials: dict[str, Credentials], guard: CountingGuard, caplog: pytest.LogCaptureFixture
) -> None:
    with connect(address, credentials["referee"], "cbig") as channel:
        stub = party_pb2_grpc.PartyServiceStub(channel)
        with pytest.raises(grpc.RpcError, match="DEADLINE_EXCEEDED"):
            stub.Configure(party_pb2.ConfigureRequest(config_json="stay"), timeout=0.2)
        assert configure(channel).held_splits, "the next call is answered"
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert not guard.refusals


def test_the_exfiltration_channel_opens_at_the_breach_and_to_the_adversary_only(
    credentials: dict[str, Credentials],
) -> None:
    guard = Guard("csmall", Policy.load())
    listener = Listener("exfiltration", add_exfiltration, ("leakdrill.v1.ExfiltrationService",))

    def exfiltrate(party: str) -> int:
        with connect(address, credentials[party], "csmall") as channel:
            stub = target_pb2_grpc.ExfiltrationServiceStub(channel)
            return len(list(stub.Exfiltrate(target_pb2.ExfiltrateRequest(), timeout=10)))

    with served(guard, [listener], credentials["csmall"]) as addresses:
        address = addresses["exfiltration"]
        for state in ("setup", "open"):
            guard.state = state
            assert refusal(exfiltrate, "adversary")[0] == "PERMISSION_DENIED"
        guard.state = "breached"
        assert exfiltrate("adversary") == 1
        for party in ("referee", "cbig", "csmall", "stranger"):
            assert refusal(exfiltrate, party)[0] == "PERMISSION_DENIED"
        guard.state = "open"
        assert refusal(exfiltrate, "adversary")[0] == "PERMISSION_DENIED"


def test_a_call_held_open_while_the_drill_moves_on_is_not_answered(
    address: str, credentials: dict[str, Credentials], guard: CountingGuard
) -> None:
    sent: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
    with connect(address, credentials["referee"], "cbig") as channel:
        call = channel.stream_unary("/leakdrill.v1.PartyService/Configure").future(iter(sent.get, None), timeout=10)
        assert configure(channel).held_splits, "a later call was answered, so this one has been let in"
        guard.state = "over"
        sent.put(party_pb2.ConfigureRequest().SerializeToString())
        assert refusal(call.result)[0] == "PERMISSION_DENIED"
        sent.put(None)


def test_a_stream_of_requests_is_let_in_message_by_message(
    address: str, credentials: dict[str, Credentials], guard: CountingGuard
) -> None:
    def requests() -> Iterator[party_pb2.ProvisionRequest]:
        yield party_pb2.ProvisionRequest()
        assert configure(channel).held_splits
        guard.state = "over"
        yield party_pb2.ProvisionRequest()

    with connect(address, credentials["referee"], "cbig") as channel:
        assert refusal(party_pb2_grpc.PartyServiceStub(channel).Provision, requests())[0] == "PERMISSION_DENIED"


@pytest.mark.parametrize("response", ["state", "certificates"])
def test_a_leak_under_way_ends_where_it_is_closed(
    credentials: dict[str, Credentials], tmp_path: Path, response: str
) -> None:
    guard = Guard("csmall", Policy.load())
    guard.state = "breached"
    Authority.create().issue("csmall", tmp_path)

    class ClosedHalfway(target_pb2_grpc.ExfiltrationServiceServicer):
        async def Exfiltrate(self, request: Any, context: Any) -> AsyncIterator[target_pb2.ExfiltrateResponse]:
            yield target_pb2.ExfiltrateResponse()
            if response == "state":
                guard.enter("open")
            else:
                guard.trust_only(Credentials.load(tmp_path))
            yield target_pb2.ExfiltrateResponse()

    add = partial(target_pb2_grpc.add_ExfiltrationServiceServicer_to_server, ClosedHalfway())
    with (
        served(guard, [Listener("exfiltration", add, ())], credentials["csmall"]) as addresses,
        connect(addresses["exfiltration"], credentials["adversary"], "csmall") as channel,
    ):
        parts = target_pb2_grpc.ExfiltrationServiceStub(channel).Exfiltrate(target_pb2.ExfiltrateRequest(), timeout=10)
        next(parts)
        assert refusal(next, parts)[0] == "PERMISSION_DENIED"


def test_a_method_is_refused_on_a_listener_where_its_row_does_not_stand(credentials: dict[str, Credentials]) -> None:
    guard = Guard("cbig", Policy.load())
    misplaced = Listener("public", add_private, ())
    with (
        served(guard, [misplaced], credentials["cbig"]) as addresses,
        connect(addresses["public"], credentials["referee"], "cbig") as channel,
    ):
        assert refusal(configure, channel)[0] == "PERMISSION_DENIED"


def test_health_is_told_to_those_who_may_ask(address: str, credentials: dict[str, Credentials]) -> None:
    def check(party: str, service: str) -> int:
        with connect(address, credentials[party], "cbig") as channel:
            request = health_pb2.HealthCheckRequest(service=service)
            return health_pb2_grpc.HealthStub(channel).Check(request, timeout=10).status

    assert check("referee", "leakdrill.v1.PartyService") == health_pb2.HealthCheckResponse.SERVING
    assert check("referee", "") == health_pb2.HealthCheckResponse.SERVING
    assert refusal(check, "referee", "no.Such")[0] == "NOT_FOUND"
    assert refusal(check, "adversary", "")[0] == "PERMISSION_DENIED"


def test_health_can_be_watched(address: str, credentials: dict[str, Credentials]) -> None:
    with connect(address, credentials["referee"], "cbig") as channel:
        updates = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest(), timeout=10)
        assert next(updates).status == health_pb2.HealthCheckResponse.SERVING
        updates.cancel()


def test_reflection_lists_what_is_served(address: str, credentials: dict[str, Credentials]) -> None:
    with connect(address, credentials["referee"], "cbig") as channel:
        request = reflection_pb2.ServerReflectionRequest(list_services="")
        stub = reflection_pb2_grpc.ServerReflectionStub(channel)
        (response,) = stub.ServerReflectionInfo(iter([request]), timeout=10)
    names = {service.name for service in response.list_services_response.service}
    assert {"leakdrill.v1.PartyService", "grpc.health.v1.Health"} <= names


@pytest.mark.parametrize(("name", "most"), [("player-01", 4), ("adversary", 16)])
def test_a_player_has_fewer_calls_at_once_than_a_party(name: str, most: int) -> None:
    door = Interceptor(Guard("cbig", Policy.load()), "public")
    with ExitStack() as under_way:
        for _ in range(most):
            under_way.enter_context(door._counted(name))
        with pytest.raises(errors.Crowded, match=f"{name} has {most} calls under way here"):
            under_way.enter_context(door._counted(name))
