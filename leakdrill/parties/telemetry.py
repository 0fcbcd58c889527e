"""A party's metrics for Prometheus, over mutual TLS, to those whom the policy lets read them.

Labels come from bounded sets: parties by certificate, methods that exist, published models, tasks, states. Nothing here
is about an example.
"""

import contextlib
import logging
import socket
import ssl
import threading
from collections.abc import Iterable, Iterator
from http import HTTPStatus
from http.server import ThreadingHTTPServer
from pathlib import Path
from socketserver import TCPServer
from typing import Any

from prometheus_client import REGISTRY
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import MetricsHandler
from prometheus_client.registry import Collector

from leakdrill.errors import AccessDenied, PartyUnavailable
from leakdrill.network.guard import Guard
from leakdrill.network.identity import SPIFFE_PREFIX
from leakdrill.network.policy import STATES
from leakdrill.parties.party import Party

log = logging.getLogger(__name__)

LISTENER = "metrics"  # as policy.yaml calls it
METHOD = "/metrics"
MAX_CONNECTIONS = 8
POLL_SECONDS = 0.1  # how soon `close` is noticed
REQUEST_SECONDS = 5.0  # from the connection to the last byte of the answer, handshake included


class PartyMetrics(Collector):
    """Reads a party's ledger, state and progress when it is asked."""

    def __init__(self, party: Party) -> None:
        self._party = party

    def collect(self) -> Iterable[Metric]:
        party, counts = self._party.name, self._party.ledger.counts()
        queries = CounterMetricFamily(
            "leakdrill_queries", "Examples asked about.", labels=["party", "caller", "model", "output"]
        )
        for key, count in counts.items():
            queries.add_metric([party, *key], count)
        yield queries

        left = GaugeMetricFamily(
            "leakdrill_query_budget_left",
            "Examples that may still be asked about.",
            labels=["party", "caller", "model"],
        )
        for caller, model in sorted({(caller, model) for caller, model, _ in counts}):
            if (remaining := self._party.ledger.left(caller, model)) is not None:
                left.add_metric([party, caller, model], remaining)
        yield left

        progress = GaugeMetricFamily(
            "leakdrill_progress_ratio", "How much of a long task is done.", labels=["party", "task"]
        )
        for task, fraction in dict(self._party.progress).items():
            progress.add_metric([party, task], fraction)
        yield progress

        states = GaugeMetricFamily(
            "leakdrill_drill_state", "1 for the state that the drill is in.", labels=["party", "state"]
        )
        for state in STATES:
            states.add_metric([party, state], float(state == self._party.guard.state))
        yield states


class MetricsServer:
    """The endpoint of `party` at `address`, "host:port"; port 0 is any free one. Serves from now until `close`.

    `credentials` is the party's folder of ca.pem, cert.pem and key.pem. Raises PartyUnavailable when the address is
    taken.
    """

    def __init__(self, party: Party, credentials: Path, address: str) -> None:
        host, _, port = address.rpartition(":")
        try:
            self._server = _Server((host, int(port)), party.guard, _tls(credentials))
        except OSError as error:
            raise PartyUnavailable(f"{party.name} cannot serve its metrics at {address}: {error}") from error
        self.port: int = self._server.server_address[1]
        self._collector = PartyMetrics(party)
        REGISTRY.register(self._collector)
        threading.Thread(target=self._server.serve_forever, args=[POLL_SECONDS], name=LISTENER, daemon=True).start()

    def renew(self, credentials: Path) -> None:
        """Meet whoever connects from now on with what is in this folder."""
        self._server.tls = _tls(credentials)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        REGISTRY.unregister(self._collector)


def _tls(credentials: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(credentials / "ca.pem")
    context.load_cert_chain(credentials / "cert.pem", credentials / "key.pem")
    return context


class _Server(ThreadingHTTPServer):
    """A thread for each of a few connections, each of which ends after a while whatever its client does."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, address: tuple[str, int], guard: Guard, tls: ssl.SSLContext) -> None:
        self.guard = guard
        self.tls = tls
        self._free = threading.BoundedSemaphore(MAX_CONNECTIONS)
        super().__init__(address, _Handler)

    def server_bind(self) -> None:
        """Without the look-up of our own name that HTTP servers make, which can take long where there is no DNS."""
        TCPServer.server_bind(self)

    def process_request(self, request: Any, client_address: Any) -> None:
        if self._free.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Shakes hands here, in the connection's own thread: a client that never does holds up nobody else."""
        try:
            # a second handle on the connection to hang up by: the handshake takes the first one over
            with (
                request.dup() as connection,
                _deadline(connection),
                self.tls.wrap_socket(request, server_side=True) as secured,
            ):
                self.finish_request(secured, client_address)
        except OSError as error:  # no certificate, a stranger's, it went away, or there are too many open files
            log.info("no metrics for %s: %s", client_address[0], error)
        finally:
            self.shutdown_request(request)
            self._free.release()


@contextlib.contextmanager
def _deadline(connection: socket.socket) -> Iterator[None]:
    """Hangs up after REQUEST_SECONDS."""
    timer = threading.Timer(REQUEST_SECONDS, _hang_up, [connection])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _hang_up(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):  # it has ended just now
        connection.shutdown(socket.SHUT_RDWR)


class _Handler(MetricsHandler):
    server: _Server
    server_version, sys_version = "leakdrill", ""

    def do_GET(self) -> None:
        guard, reader = self.server.guard, _identity(self.connection)
        try:
            guard.check(reader, METHOD, LISTENER)
        except AccessDenied as error:
            guard.answered(LISTENER, reader, METHOD, error.status, error)
            self.send_error(HTTPStatus.FORBIDDEN, explain=str(error))
        else:
            super().do_GET()


def _identity(connection: Any) -> str:
    """The party that the peer's certificate names; "unidentified" when it names none, or several."""
    names = [value for kind, value in connection.getpeercert().get("subjectAltName", ()) if kind == "URI"]
    if len(names) == 1 and names[0].startswith(SPIFFE_PREFIX):
        return str(names[0].removeprefix(SPIFFE_PREFIX))
    return "unidentified"
