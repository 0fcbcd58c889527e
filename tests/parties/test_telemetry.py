"""The metrics endpoint of a real party, read and attacked over real TLS."""

import contextlib
import errno
import http.client
import json
import socket
import ssl
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from guarded import WAIT_SECONDS, eventually
from prometheus_client.parser import text_string_to_metric_families

from leakdrill.errors import PartyUnavailable
from leakdrill.network.audit import AuditLog
from leakdrill.network.guard import Guard
from leakdrill.network.identity import Authority, Credentials
from leakdrill.network.policy import Policy
from leakdrill.parties import telemetry
from leakdrill.parties.party import Party
from leakdrill.parties.store import SplitStore
from leakdrill.parties.telemetry import MetricsServer

READERS = ("referee", "observer")
OTHERS = ("cbig", "csmall", "adversary", "stranger")


@pytest.fixture(scope="module")
def credentials(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of credentials for each."""
    directory, authority = tmp_path_factory.mktemp("credentials"), Authority.create()
    for party in (*READERS, *OTHERS):
        authority.issue(party, directory / party)
    Authority.create().issue("observer", directory / "impostor")
    return directory


@pytest.fixture
def party(tmp_path: Path, credentials: Path) -> Iterator[Party]:
    log = AuditLog(tmp_path / "audit.jsonl")
    log.begin("drill-1")
    with ThreadPoolExecutor(1) as executor:
        guard = Guard("cbig", Policy.load(), log)
        store = SplitStore(tmp_path / "splits")
        yield Party("cbig", tmp_path, Credentials.load(credentials / "cbig"), guard, store, executor=executor)


@pytest.fixture
def port(party: Party, credentials: Path) -> Iterator[int]:
    with contextlib.closing(MetricsServer(party, credentials / "cbig", "127.0.0.1:0")) as server:
        yield server.port


def tls(credentials: Path, reader: str | None, ca_of: str = "cbig") -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(credentials / ca_of / "ca.pem"))
    if reader:
        context.load_cert_chain(credentials / reader / "cert.pem", credentials / reader / "key.pem")
    return context


def get(port: int, context: ssl.SSLContext, method: str = "GET") -> tuple[int, str]:
    connection = http.client.HTTPSConnection("127.0.0.1", port, context=context, timeout=WAIT_SECONDS)
    with contextlib.closing(connection):
        connection.request(method, "/metrics")
        response = connection.getresponse()
        return response.status, response.read().decode()


def samples(text: str) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    families = text_string_to_metric_families(text)
    return {(s.name, frozenset(s.labels.items())): s.value for family in families for s in family.samples}


def key(name: str, **labels: str) -> tuple[str, frozenset[tuple[str, str]]]:
    return name, frozenset({"party": "cbig", **labels}.items())


@pytest.mark.parametrize("reader", READERS)
def test_those_whom_the_policy_names_may_read(port: int, credentials: Path, reader: str) -> None:
    status, text = get(port, tls(credentials, reader))
    assert status == 200
    assert key("leakdrill_drill_state", state="setup") in samples(text)


@pytest.mark.parametrize("reader", OTHERS)
def test_others_with_a_certificate_are_refused_and_audited(
    port: int, credentials: Path, tmp_path: Path, reader: str
) -> None:
    status, text = get(port, tls(credentials, reader))
    assert status == 403
    assert "leakdrill_drill_state" not in text
    entry = json.loads((tmp_path / "audit.jsonl").read_text())
    assert (entry["caller"], entry["listener"], entry["status"]) == (reader, "metrics", "PERMISSION_DENIED")


@pytest.mark.parametrize("reader", [None, "impostor"])
def test_without_a_certificate_of_the_drills_authority_nothing_answers(
    port: int, credentials: Path, reader: str | None
) -> None:
    with pytest.raises((ssl.SSLError, ConnectionError, http.client.RemoteDisconnected)):
        get(port, tls(credentials, reader))


def test_in_plain_text_nothing_answers(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as plain:
        plain.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
        with contextlib.suppress(ConnectionError):
            assert b"leakdrill" not in plain.recv(1000)


def test_there_is_nothing_but_reading(port: int, credentials: Path) -> None:
    assert get(port, tls(credentials, "observer"), method="POST")[0] == 501


def test_queries_and_what_is_left_of_the_budget_are_the_ledgers(port: int, party: Party, credentials: Path) -> None:
    party.ledger.open("drill-1", 100)
    party.ledger.charge("adversary", "source", "scores", 30)
    party.ledger.charge("adversary", "source", "label", 5)
    party.ledger.charge("referee", "source", "scores", 7)
    found = samples(get(port, tls(credentials, "observer"))[1])
    assert found[key("leakdrill_queries_total", caller="adversary", model="source", output="scores")] == 30
    assert found[key("leakdrill_queries_total", caller="adversary", model="source", output="label")] == 5
    assert found[key("leakdrill_queries_total", caller="referee", model="source", output="scores")] == 7
    assert found[key("leakdrill_query_budget_left", caller="adversary", model="source")] == 65
    assert key("leakdrill_query_budget_left", caller="referee", model="source") not in found, "it has no budget"


async def test_progress_is_that_of_the_work_itself(port: int, party: Party, credentials: Path) -> None:
    def progress() -> float:
        return samples(get(port, tls(credentials, "observer"))[1])[key("leakdrill_progress_ratio", task="train")]

    async for item in party.stream("train", lambda progress: progress(0.25, "epoch 1") or "trained"):
        assert progress() == (1.0 if item == "trained" else 0.25)


def test_the_state_of_the_drill_is_the_guards(port: int, party: Party, credentials: Path) -> None:
    party.guard.enter("breached")
    found = samples(get(port, tls(credentials, "observer"))[1])
    states = {state: found[key("leakdrill_drill_state", state=state)] for state in ("setup", "open", "breached")}
    assert states == {"setup": 0, "open": 0, "breached": 1}


def test_clients_that_say_nothing_or_drip_are_hung_up_on_and_hold_up_nobody(
    port: int, credentials: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with contextlib.ExitStack() as stack:
        monkeypatch.setattr(telemetry, "REQUEST_SECONDS", 10 * WAIT_SECONDS)
        for _ in range(2):
            stack.enter_context(silent(port))
        assert get(port, tls(credentials, "observer"))[0] == 200, "though they are not hung up on yet"
        monkeypatch.setattr(telemetry, "REQUEST_SECONDS", 2.0)
        assert stack.enter_context(silent(port)).recv(1) == b"", "hung up without a handshake"
        with silent(port) as raw, pytest.raises(OSError):
            drip(stack.enter_context(tls(credentials, "observer").wrap_socket(raw, server_hostname="127.0.0.1")))


def silent(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=WAIT_SECONDS)


def drip(connection: socket.socket) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < deadline:
        connection.sendall(b"G")
        time.sleep(0.05)


def test_connections_are_bounded_and_free_again_when_they_end(
    port: int, credentials: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(telemetry, "REQUEST_SECONDS", 10 * WAIT_SECONDS)
    with contextlib.ExitStack() as stack:
        idle = [stack.enter_context(silent(port)) for _ in range(telemetry.MAX_CONNECTIONS)]
        with pytest.raises(OSError):
            get(port, tls(credentials, "observer"))
        assert len(idle) == telemetry.MAX_CONNECTIONS

    def is_answered() -> bool:
        with contextlib.suppress(OSError):
            return get(port, tls(credentials, "observer"))[0] == 200
        return False

    assert eventually(is_answered)


def test_an_address_that_is_taken_is_named(port: int, party: Party, credentials: Path) -> None:
    with pytest.raises(PartyUnavailable, match=rf"cbig cannot serve its metrics at 127\.0\.0\.1:{port}"):
        MetricsServer(party, credentials / "cbig", f"127.0.0.1:{port}")


def test_a_party_that_could_open_no_more_files_for_a_while_is_read_again_afterwards(
    port: int, credentials: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_more(self: socket.socket) -> socket.socket:
        raise OSError(errno.EMFILE, "Too many open files")

    with monkeypatch.context() as full:
        full.setattr(socket.socket, "dup", no_more)
        for _ in range(telemetry.MAX_CONNECTIONS):
            with pytest.raises((OSError, http.client.HTTPException)):
                get(port, tls(credentials, "observer"))
    assert get(port, tls(credentials, "observer"))[0] == 200
