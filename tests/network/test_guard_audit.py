"""What the guard records of each call: for the audit log, and for Prometheus."""

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import prometheus_client
import pytest
from full_disk import disk_of
from grpc_health.v1 import health_pb2, health_pb2_grpc
from guarded import PARTIES, add_private, configure, eventually, refusal
from predict_api import party_credentials
from serving import served

from leakdrill.errors import PartyUnavailable
from leakdrill.network.audit import AuditLog
from leakdrill.network.guard import Guard
from leakdrill.network.identity import Credentials
from leakdrill.network.policy import Policy
from leakdrill.network.rate_limit import RateLimit
from leakdrill.network.rpc import Listener, connect
from leakdrill.pb import source_pb2, source_pb2_grpc
from leakdrill.referee.chain import first_fault

CONFIGURE = "/leakdrill.v1.PartyService/Configure"


@pytest.fixture(scope="module")
def credentials(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Credentials]:
    return party_credentials(tmp_path_factory.mktemp("credentials"), *PARTIES)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "audit.jsonl"


@pytest.fixture
def guard(path: Path) -> Guard:
    log = AuditLog(path)
    log.begin("drill-1")
    return Guard("cbig", Policy.load(), log)


@pytest.fixture
def address(guard: Guard, credentials: dict[str, Credentials]) -> Iterator[str]:
    listener = Listener("private", add_private, ("leakdrill.v1.PartyService",))
    with served(guard, [listener], credentials["cbig"]) as addresses:
        yield addresses["private"]


def logged(path: Path, count: int) -> list[dict[str, Any]]:
    """What the log says of its calls, once there are `count`: a call is logged after its caller has the answer."""
    assert eventually(lambda: path.read_bytes().count(b"\n") >= count)
    entries = [json.loads(line) for line in path.read_text().splitlines()]
    return [{name: entry[name] for name in entry.keys() - {"seq", "previous", "time", "drill"}} for entry in entries]


def call(method: str, caller: str, status: str, **more: str) -> dict[str, str]:
    return {"event": "call", "listener": "private", "caller": caller, "method": method, "status": status, **more}


def test_every_call_is_audited_with_its_verdict(address: str, credentials: dict[str, Credentials], path: Path) -> None:
    with connect(address, credentials["adversary"], "cbig") as channel:
        refusal(configure, channel)
        logged(path, 1)  # before the next, which may be logged before it
    with connect(address, credentials["referee"], "cbig") as channel:
        configure(channel)
        for number, what in enumerate(("BudgetExhausted", "bug")):
            refusal(configure, channel, what)
            logged(path, 3 + number)
        refusal(list, source_pb2_grpc.SourceServiceStub(channel).Train(source_pb2.TrainRequest()))
    assert logged(path, 5) == [
        call(CONFIGURE, "adversary", "PERMISSION_DENIED", error="AccessDenied"),
        call(CONFIGURE, "referee", "OK"),
        call(CONFIGURE, "referee", "RESOURCE_EXHAUSTED", error="BudgetExhausted"),
        call(CONFIGURE, "referee", "INTERNAL"),
        call("/leakdrill.v1.SourceService/Train", "referee", "FAILED_PRECONDITION", error="NotReady"),
    ]


def test_the_audit_log_holds_nothing_of_what_a_call_carried(
    address: str, credentials: dict[str, Credentials], path: Path
) -> None:
    with connect(address, credentials["referee"], "cbig") as channel:
        configure(channel, "a secret of the scenario")
        refusal(configure, channel, "bug")
    logged(path, 2)
    assert "secret" not in path.read_text()


def test_an_unknown_method_is_audited_under_one_name_with_an_excerpt_of_what_was_asked(
    address: str, credentials: dict[str, Credentials], path: Path
) -> None:
    asked = "/no.Such/Method" + "x" * 1000
    with connect(address, credentials["adversary"], "cbig") as channel:
        refusal(channel.unary_unary(asked), b"")
    assert logged(path, 1) == [
        call("unknown", "adversary", "PERMISSION_DENIED", error="AccessDenied", path=asked[:100])
    ]


def test_answered_health_checks_are_left_out_and_refused_ones_are_not(
    address: str, credentials: dict[str, Credentials], path: Path
) -> None:
    def check(party: str, service: str = "") -> None:
        with connect(address, credentials[party], "cbig") as channel:
            health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(service=service), timeout=10)

    check("referee")
    with pytest.raises(grpc.RpcError, match="NOT_FOUND"):
        check("referee", "no.Such")
    with pytest.raises(grpc.RpcError, match="PERMISSION_DENIED"):
        check("adversary")
    assert logged(path, 1) == [
        call("/grpc.health.v1.Health/Check", "adversary", "PERMISSION_DENIED", error="AccessDenied")
    ]


def test_the_moves_of_the_state_are_audited(guard: Guard, path: Path) -> None:
    for state in ("setup", "open", "breached"):
        guard.enter(state)
    assert guard.state == "breached"
    assert [entry["state"] for entry in logged(path, 3)] == ["setup", "open", "breached"]


def test_a_call_that_could_not_be_audited_was_answered_and_none_is_until_the_log_works_again(
    address: str, credentials: dict[str, Credentials], path: Path, guard: Guard
) -> None:
    def is_refused() -> bool:
        try:
            return not configure(channel).held_splits
        except grpc.RpcError as error:
            return error.code() is grpc.StatusCode.UNAVAILABLE

    with connect(address, credentials["referee"], "cbig") as channel:
        configure(channel)
        logged(path, 1)
        with disk_of(path.stat().st_size + 10):
            assert configure(channel).held_splits
            assert eventually(is_refused)
            with pytest.raises(PartyUnavailable):
                guard.enter("breached")
            assert guard.state == "setup", "what is not audited does not happen"
        assert configure(channel).held_splits
    assert eventually(lambda: path.read_text().count('"OK"') == 2)
    first, left_out, *_, last = logged(path, 3)
    assert [entry["event"] for entry in (first, left_out, last)] == ["call", "unlogged", "call"]
    assert left_out["caller"] == "referee"
    assert last["status"] == "OK"
    assert first_fault(path.read_bytes(), "drill-1") is None


def test_a_storm_of_refusals_is_denied_to_the_last_and_summed_up_in_the_log(
    credentials: dict[str, Credentials], path: Path, guard: Guard
) -> None:
    now = [0.0]
    guard._failures = RateLimit(10, lambda: now[0], burst=3)
    with (
        served(guard, [Listener("private", add_private, ())], credentials["cbig"]) as addresses,
        connect(addresses["private"], credentials["adversary"], "cbig") as channel,
        connect(addresses["private"], credentials["referee"], "cbig") as referees,
    ):
        for _ in range(8):
            assert refusal(configure, channel)[0] == "PERMISSION_DENIED"
        assert eventually(lambda: guard.audit._unlogged == {"adversary": 5})
        refusal(configure, referees, "NotFound")  # another caller's bound is another
        logged(path, 5)
        now[0] = 0.1
        refusal(configure, channel)
        told = [(entry["caller"], entry.get("status", entry.get("count"))) for entry in logged(path, 6)]
    assert told == [
        *[("adversary", "PERMISSION_DENIED")] * 3,
        ("adversary", 5),
        ("referee", "NOT_FOUND"),
        ("adversary", "PERMISSION_DENIED"),
    ]


def test_answered_calls_beyond_their_rate_are_answered_and_summed_up_in_the_log(
    credentials: dict[str, Credentials], path: Path, guard: Guard
) -> None:
    now = [0.0]
    guard._answers = RateLimit(10, lambda: now[0], burst=3)
    with (
        served(guard, [Listener("private", add_private, ())], credentials["cbig"]) as addresses,
        connect(addresses["private"], credentials["referee"], "cbig") as channel,
    ):
        for _ in range(8):
            assert configure(channel) is not None
        logged(path, 3)
        now[0] = 0.1
        configure(channel)
        told = [(entry["caller"], entry.get("status", entry.get("count"))) for entry in logged(path, 5)]
    assert told == [*[("referee", "OK")] * 3, ("referee", 5), ("referee", "OK")]


def test_calls_are_counted_and_timed_for_prometheus_under_the_standard_names(
    address: str, credentials: dict[str, Credentials]
) -> None:
    method = {"grpc_type": "unary", "grpc_service": "leakdrill.v1.PartyService", "grpc_method": "Configure"}
    labels = {"party": "cbig", "caller": "referee", **method}

    def value(name: str, **more: str) -> float:
        return prometheus_client.REGISTRY.get_sample_value(name, labels | more) or 0.0

    def handled(status: str) -> float:
        return value("grpc_server_handled_total", grpc_code=status)

    before = {status: handled(status) for status in ("OK", "NOT_FOUND", "INTERNAL")}
    timed = value("grpc_server_handling_seconds_count")
    with connect(address, credentials["referee"], "cbig") as channel:
        for what in ("", "", "NotFound"):
            with contextlib.suppress(grpc.RpcError):
                configure(channel, what)
    assert eventually(lambda: handled("NOT_FOUND") == before["NOT_FOUND"] + 1)
    assert eventually(lambda: handled("OK") == before["OK"] + 2)
    assert eventually(lambda: value("grpc_server_handling_seconds_count") == timed + 3)
    assert handled("INTERNAL") == before["INTERNAL"]


def test_unknown_methods_and_streams_have_their_place_in_the_labels(
    address: str, credentials: dict[str, Credentials]
) -> None:
    with connect(address, credentials["referee"], "cbig") as channel:
        refusal(channel.unary_unary("/no.Such/Method"), b"")
        refusal(list, source_pb2_grpc.SourceServiceStub(channel).Train(source_pb2.TrainRequest()))
    denied = {"grpc_service": "unknown", "grpc_method": "unknown", "grpc_type": "bidi_stream"}
    trained = {"grpc_service": "leakdrill.v1.SourceService", "grpc_method": "Train", "grpc_type": "server_stream"}
    for labels, code in ((denied, "PERMISSION_DENIED"), (trained, "FAILED_PRECONDITION")):
        sample = {"party": "cbig", "caller": "referee", "grpc_code": code, **labels}
        assert eventually(
            lambda sample=sample: prometheus_client.REGISTRY.get_sample_value("grpc_server_handled_total", sample)
        )
