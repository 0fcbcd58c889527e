"""The two doors of a class, with certificates of a drill and without."""

import http.client
import socket
import ssl
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest

from leakdrill.errors import BudgetExhausted, InvalidInput
from leakdrill.network.identity import Authority
from leakdrill.player import server
from leakdrill.player.page import page
from leakdrill.player.scoreboard import Line
from leakdrill.player.server import scoreboard_page, submission_desk
from leakdrill.referee.local import LocalParties
from leakdrill.results import Interval

LINES = [Line("<script>alert(1)</script> & Co", Interval(value=0.61, low=0.5, high=0.7), 1200, 1, 3)]


class Board:
    def standings(self) -> list[Line]:
        return LINES


def desk(caller: str, content: bytes) -> str:
    if content == b"wrong":
        raise InvalidInput("the scores are wrong")
    if content == b"late":
        raise BudgetExhausted("no more")
    if content == b"bug":
        raise KeyError("secret")
    return f"{caller} sent {len(content)} bytes"


@pytest.fixture(scope="module")
def doors(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    folder = tmp_path_factory.mktemp("doors")
    authority, stranger = Authority.create(), Authority.create()
    for name in ("referee", "player-01"):
        authority.issue(name, folder / name)
    stranger.issue("player-01", folder / "stranger")
    with ExitStack() as stack:
        url = stack.enter_context(scoreboard_page("127.0.0.1", 0, Board()))  # type: ignore[arg-type]
        submit = stack.enter_context(submission_desk("127.0.0.1", folder / "referee", 100, desk))
        yield folder, url, submit


def send(doors: Any, content: bytes, who: str = "player-01", url: str = "") -> tuple[int, str]:
    folder, _, submit = doors
    tls = ssl.create_default_context(cafile=folder / "referee" / "ca.pem")
    if who:
        tls.load_cert_chain(folder / who / "cert.pem", folder / who / "key.pem")
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=tls))
    try:
        with opener.open(urllib.request.Request(url or submit, data=content), timeout=20) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, refused.read().decode()


def tls_connection(doors: Any) -> ssl.SSLSocket:
    folder, _, submit = doors
    tls = ssl.create_default_context(cafile=folder / "referee" / "ca.pem")
    tls.load_cert_chain(folder / "player-01" / "cert.pem", folder / "player-01" / "key.pem")
    address = urllib.parse.urlsplit(submit)
    plain = socket.create_connection((address.hostname, address.port), timeout=60)
    return tls.wrap_socket(plain, server_hostname="127.0.0.1")


def read_all(connection: ssl.SSLSocket) -> bytes:
    """To the end of what it says, with TLS's goodbye or without."""
    received = b""
    with suppress(ssl.SSLError, ConnectionError):
        while part := connection.recv(4096):
            received += part
    return received


def test_scores_are_taken_in_the_name_of_the_certificate(doors: Any) -> None:
    assert send(doors, b"id,score") == (200, "player-01 sent 8 bytes\n")


@pytest.mark.parametrize(
    ("content", "status", "told"),
    [(b"wrong", 400, "the scores are wrong"), (b"late", 429, "no more"), (b"x" * 101, 400, "wanted 100 at most")],
)
def test_a_refusal_says_why(doors: Any, content: bytes, status: int, told: str) -> None:
    code, text = send(doors, content)
    assert code == status
    assert told in text


def test_a_bug_is_logged_here_and_opaque_there(doors: Any, caplog: pytest.LogCaptureFixture) -> None:
    code, text = send(doors, b"bug")
    assert (code, "secret" in text) == (500, False)
    assert "secret" in caplog.text


def test_half_a_file_is_none(doors: Any) -> None:
    folder, _, _ = doors
    taken: list[bytes] = []

    def desk(caller: str, content: bytes) -> str:
        taken.append(content)
        return ""

    with submission_desk("127.0.0.1", folder / "referee", 100, desk) as submit:
        for length in ("90", "8"):
            with tls_connection((folder, "", submit)) as connection:
                connection.sendall(f"POST /submit HTTP/1.0\r\nContent-Length: {length}\r\n\r\nid,score".encode())
                socket.socket.shutdown(connection, socket.SHUT_WR)
                read_all(connection)
    assert taken == [b"id,score"]


def test_a_length_that_no_number_can_hold_is_refused(doors: Any) -> None:
    with tls_connection(doors) as connection:
        connection.sendall(f"POST /submit HTTP/1.0\r\nContent-Length: {'9' * 5000}\r\n\r\n".encode())
        assert b"wanted scores.csv, and its length" in read_all(connection)


def test_who_has_sent_all_is_answered_before_the_desk_closes_and_who_has_not_holds_nobody_up(doors: Any) -> None:
    folder, _, _ = doors
    came, go_on, done = threading.Event(), threading.Event(), threading.Event()

    def slow(caller: str, content: bytes) -> str:
        came.set()
        go_on.wait(20)
        done.set()
        return "judged"

    with ExitStack() as client, ThreadPoolExecutor() as pool:
        with submission_desk("127.0.0.1", folder / "referee", 100, slow) as submit:
            client.enter_context(tls_connection((folder, "", submit)))
            answer = pool.submit(send, (folder, "", submit), b"id,score")
            assert came.wait(20)
            threading.Timer(0.3, go_on.set).start()
        assert done.is_set()
        assert answer.result() == (200, "judged\n")


def test_no_more_connections_are_open_than_the_door_has_threads_for_and_none_of_them_for_long(
    doors: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "MOST_CONNECTIONS", 2)
    with scoreboard_page("127.0.0.1", 0, Board()) as url, ExitStack() as stack:  # type: ignore[arg-type]
        address = ("127.0.0.1", int(url.rstrip("/").rpartition(":")[2]))
        idle = [stack.enter_context(socket.create_connection(address, timeout=10)) for _ in range(2)]
        one_too_many = stack.enter_context(socket.create_connection(address, timeout=10))
        assert one_too_many.recv(1) == b"", "turned away at once"
        monkeypatch.setattr(server, "MOST_SECONDS", 0.0)
        for each in idle:
            assert each.recv(1) == b"", "cut off before QUIET_SECONDS"


def test_there_is_one_path_to_send_to(doors: Any) -> None:
    assert send(doors, b"x", url=doors[2] + "/../truth")[0] == 400


@pytest.mark.parametrize("who", ["", "stranger"])
def test_nobody_without_a_certificate_of_this_drill_gets_in(doors: Any, who: str, tmp_path: Path) -> None:
    with pytest.raises((OSError, http.client.HTTPException)):
        send(doors, b"id,score", who)


def test_nobody_who_plays_can_pass_for_a_server(tmp_path: Path) -> None:
    parties = LocalParties(tmp_path, public_host="localhost.localdomain", callers=["player-01"])
    parties.renew_certificates()

    def refused(host: str, who: str) -> bool:
        """Whether a client that looks for `host` turns from a server with the certificate of `who`."""
        client = ssl.create_default_context(cafile=parties.credentials_dir("referee") / "ca.pem")
        server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server.load_cert_chain(*(parties.credentials_dir(who) / name for name in ("cert.pem", "key.pem")))
        sent, received = ssl.MemoryBIO(), ssl.MemoryBIO()
        ends = client.wrap_bio(received, sent, server_hostname=host), server.wrap_bio(sent, received, server_side=True)
        try:
            for end in ends * 2:
                with suppress(ssl.SSLWantReadError):
                    end.do_handshake()
        except ssl.SSLCertVerificationError:
            return True
        return False

    hosts = ("127.0.0.1", "localhost.localdomain", "player-01", "adversary")
    assert [refused(host, "player-01") for host in hosts] == [True, True, True, True]
    assert [refused(host, "adversary") for host in hosts] == [False, True, True, False], "it serves the referee"
    assert [refused(host, "cbig") for host in hosts] == [False, False, True, True]


def test_the_page_can_only_be_read(doors: Any) -> None:
    _, url, _ = doors
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with direct.open(url, timeout=20) as answer:
        assert "0.61 [0.50, 0.70]" in answer.read().decode()
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    for path, data, status in (("truth/challenge.npz", None, 404), ("", b"x", 501)):
        with pytest.raises(urllib.error.HTTPError) as refused:
            direct.open(urllib.request.Request(url + path, data=data), timeout=20)
        with refused.value:
            assert refused.value.code == status


def test_a_name_is_text_on_the_page_and_nothing_is_fetched_from_elsewhere() -> None:
    drawn = page(LINES)
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; Co" in drawn
    assert "<script" not in drawn
    assert "://" not in drawn
