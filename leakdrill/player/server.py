"""The referee's two doors for players: a page that anybody may look at, and one where scores are handed in.

The page is plain HTTP and takes nothing. Scores are taken over mutual TLS, with the certificate that the player asks
the models with: who hands in is who asked, and nobody on the same network can read or send in another's name.
"""

import logging
import re
import socket
import ssl
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import TCPServer
from typing import Any

from leakdrill.errors import AccessDenied, BudgetExhausted, InvalidInput, LeakdrillError, PartyUnavailable
from leakdrill.network.identity import SPIFFE_PREFIX
from leakdrill.player.page import page
from leakdrill.player.scoreboard import Scoreboard

log = logging.getLogger(__name__)

#: Takes the caller's name, by certificate, and what was sent; answers in words.
Desk = Callable[[str, bytes], str]

SUBMIT = "/submit"
QUIET_SECONDS = 20.0  # a connection that says nothing for so long is closed
MOST_SECONDS = 60.0  # in which all of a request has to come in, however it is dripped
MOST_CONNECTIONS = 64  # at one door at once: each takes a thread and a file
_STATUSES = {InvalidInput: 400, AccessDenied: 403, BudgetExhausted: 429}
_SAFE = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}


class _Handler(BaseHTTPRequestHandler):
    timeout = QUIET_SECONDS
    server_version, sys_version = "leakdrill", ""

    def log_message(self, format: str, *args: Any) -> None:
        log.debug(format, *args)

    def answer(self, status: int, text: str, kind: str = "text/plain") -> None:
        content = text.encode()
        self.send_response(status)
        for name, value in {**_SAFE, "Content-Type": f"{kind}; charset=utf-8"}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(content)


class _Server(ThreadingHTTPServer):
    """Whoever has said all is answered, also when the door closes; who dawdles is cut off, one too many turned away."""

    daemon_threads = False  # server_close waits for answers that are under way

    def __init__(self, address: tuple[str, int], handler: type[_Handler]) -> None:
        self._since: dict[socket.socket, float] = {}  # of open connections; added to by the serving thread alone
        super().__init__(address, handler)

    def server_bind(self) -> None:
        """Without looking up what this machine is called, which takes seconds in a network without DNS."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])

    def process_request(self, request: Any, client_address: Any) -> None:
        if len(self._since) >= MOST_CONNECTIONS:
            self.shutdown_request(request)
            return
        self._since[request] = time.monotonic()
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._since.pop(request, None)
        super().shutdown_request(request)

    def service_actions(self) -> None:
        """Several times a second, between connections."""
        latest = time.monotonic() - MOST_SECONDS
        self._hear_no_more([each for each, since in list(self._since.items()) if since < latest])

    def server_close(self) -> None:
        self._hear_no_more(list(self._since))
        super().server_close()

    def _hear_no_more(self, connections: list[socket.socket]) -> None:
        """What has not come in by now never does; what has is answered."""
        for each in connections:
            with suppress(OSError):  # it has gone
                socket.socket.shutdown(each, socket.SHUT_RD)  # not TLS's own, which would shut out the answer as well

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A stranger's connection that breaks, or that TLS refuses, is no news to the person at the terminal."""
        if isinstance(sys.exception(), OSError):
            log.info("a connection from %s broke off", client_address, exc_info=True)
        else:
            log.exception("bug in answering %s", client_address)


@contextmanager
def scoreboard_page(host: str, port: int, scoreboard: Scoreboard) -> Iterator[str]:
    """Serves the page at the URL that this yields. Raises PartyUnavailable when it cannot listen there."""

    class Page(_Handler):
        def do_GET(self) -> None:
            if self.path == "/":
                self.answer(200, page(scoreboard.standings()), "text/html")
            else:
                self.answer(404, "there is one page here: /\n")

    with _serving(_listen(host, port, Page)) as server:
        yield f"http://{host}:{server.server_port}/"


@contextmanager
def submission_desk(host: str, credentials_dir: Path, max_bytes: int, desk: Desk) -> Iterator[str]:
    """Takes POSTs of at most `max_bytes` at the URL that this yields, with the certificates of this drill alone."""

    class Submissions(_Handler):
        def do_POST(self) -> None:
            try:
                self.answer(200, desk(_caller(self.connection), self._content()) + "\n")
            except LeakdrillError as error:
                status = next((code for kind, code in _STATUSES.items() if isinstance(error, kind)), 500)
                self.answer(status, f"refused: {error}\n")
            except (ConnectionError, TimeoutError, ssl.SSLError):
                raise  # nobody is there to be answered
            except Exception:  # as at the parties' doors: a bug, or a full disk, is logged here and opaque there
                log.exception("bug at the desk")
                self.answer(500, "internal error: tell whoever holds the class; their terminal says more\n")

        def _content(self) -> bytes:
            length = self.headers.get("Content-Length", "")
            if self.path != SUBMIT or not re.fullmatch("[0-9]{1,15}", length):
                raise InvalidInput(f"wanted scores.csv, and its length, in a POST to {SUBMIT}")
            if int(length) > max_bytes:
                raise InvalidInput(f"got {int(length):,} bytes, wanted {max_bytes:,} at most: is it scores.csv?")
            content = self.rfile.read(int(length))
            if len(content) < int(length):
                raise InvalidInput(f"got {len(content):,} of {int(length):,} bytes: send it again")
            return content

    server = _listen(host, 0, Submissions)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(credentials_dir / "cert.pem", credentials_dir / "key.pem")
    tls.load_verify_locations(credentials_dir / "ca.pem")
    tls.verify_mode = ssl.CERT_REQUIRED
    # the handshake is made by the connection's own thread, as it reads: who stalls in it keeps nobody else waiting
    server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    with _serving(server):
        yield f"https://{host}:{server.server_port}{SUBMIT}"


def _listen(host: str, port: int, handler: type[_Handler]) -> _Server:
    try:
        return _Server((host, port), handler)
    except OSError as error:
        raise PartyUnavailable(
            f"cannot listen on {host}, port {port or 'any'}: {error}: give --listen an address of this machine, and a "
            "port that is free, or none"
        ) from error


@contextmanager
def _serving(server: _Server) -> Iterator[_Server]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True)
    with server:
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def _caller(connection: ssl.SSLSocket) -> str:
    """The name in the peer's certificate, which the handshake has checked."""
    names: Any = (connection.getpeercert() or {}).get("subjectAltName", ())  # pairs of a kind and a name
    uris = [str(name) for kind, name in names if kind == "URI" and name.startswith(SPIFFE_PREFIX)]
    if len(uris) != 1:
        raise AccessDenied("your certificate names no party of this drill: use the one in your folder")
    return uris[0].removeprefix(SPIFFE_PREFIX)
