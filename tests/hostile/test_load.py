"""Callers who hold on to what they get: connections, handshakes, streams, memory. The others are answered all the same.

Every attack is bounded in count and time.
"""

import contextlib
import resource
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import grpc
import pytest
from fuzzing import INFER, METHODS, REFLECTION, WELL
from http2 import Connection, message, tcp, tls, tls_context
from siege import MIB, MODELS, Siege, besieged, good_request

from leakdrill.network.guard import ERROR_KEY, MAX_CALLS_PER_CALLER
from leakdrill.network.rpc import MAX_CONCURRENT_CALLS, connect

pytestmark = pytest.mark.slow

DOOR = "cbig/public"
NUM_SLOW = 100  # clients of each kind
NUM_IDLE = 1000
NUM_FILES = 1024  # what most shells let a process open
WAIT_SECONDS = 120.0  # before a test gives up, on a busy machine
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

#: The start of a TLS ClientHello which announces 512 bytes.
CLIENT_HELLO = bytes.fromhex("16030102000100") + bytes.fromhex("01fc0303") + bytes(40)


@pytest.fixture(scope="module")
def siege(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Siege]:
    """Parties that were started from a shell with the usual limit of open files; the attacker has more."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, NUM_FILES), hard))
    try:
        with besieged(tmp_path_factory.mktemp("siege")) as siege:
            resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 4 * NUM_FILES), hard))
            yield siege
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def check_others_are_answered(siege: Siege) -> None:
    """A call that meets a full house, until all whom it is closed to are turned away, is asked again.

    As leakdrill's own client does.
    """
    for party in MODELS:
        answers = (unless_crowded(siege, party) for _ in until_late())
        assert next((answer for answer in answers if answer is not None), None) == siege.right[party]


def unless_crowded(siege: Siege, party: str) -> bytes | None:
    try:
        return siege.good(party, siege.referee)
    except grpc.RpcError as error:
        if error.code() is not grpc.StatusCode.RESOURCE_EXHAUSTED:
            raise
        return None


def until_late() -> Iterator[None]:
    """A turn now and then, for as long as a test waits."""
    deadline = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < deadline:
        yield
        time.sleep(0.05)


def silent(siege: Siege) -> socket.socket:
    return tcp(siege, DOOR)


def half_a_handshake(siege: Siege) -> socket.socket:
    connection = tcp(siege, DOOR)
    connection.sendall(CLIENT_HELLO)
    return connection


def tls_and_nothing_else(siege: Siege) -> socket.socket:
    return tls(siege, DOOR)


def a_preface_and_nothing_else(siege: Siege) -> socket.socket:
    connection = tls(siege, DOOR)
    connection.sendall(PREFACE)
    return connection


KINDS = (silent, half_a_handshake, tls_and_nothing_else, a_preface_and_nothing_else)


def test_who_connects_and_says_no_more_hinders_nobody_and_is_sent_away(siege: Siege) -> None:
    with ExitStack() as stack:
        held = [stack.enter_context(kind(siege)) for kind in KINDS for _ in range(NUM_SLOW)]
        for _ in range(3):  # a byte at a time
            for connection in held[NUM_SLOW : 2 * NUM_SLOW]:
                with contextlib.suppress(OSError):  # on a slow machine, it has been sent away by now
                    connection.sendall(b"\0")
            check_others_are_answered(siege)
            siege.check_well()
            time.sleep(0.5)
        deadline = time.monotonic() + WAIT_SECONDS
        assert [connection for connection in held if not ends(connection, deadline)] == []
    siege.check_well()


def ends(connection: socket.socket, deadline: float) -> bool:
    """Whether the server closes the connection, whatever it says before, by `deadline` (monotonic seconds)."""
    try:
        while time.monotonic() < deadline:
            connection.settimeout(max(0.1, deadline - time.monotonic()))
            if not connection.recv(1 << 14):
                return True
    except TimeoutError:
        return False
    except OSError:  # it was reset
        return True
    return False


def test_idle_connections_by_the_thousand_leave_the_service_answering(siege: Siege) -> None:
    """The parties started with 1,024 files at most, so that these would use them up."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 2 * NUM_IDLE + 500:
        pytest.skip(f"this machine lets a process open {hard} files, {2 * NUM_IDLE + 500} are needed")
    context = tls_context(siege)
    before = siege.rss_bytes("cbig")
    with ExitStack() as stack:
        for _ in range(NUM_IDLE + 100):
            stack.enter_context(Connection(siege, DOOR, context))
        check_others_are_answered(siege)
        siege.check_well()
        assert siege.rss_bytes("cbig") - before < 300_000 * NUM_IDLE
    siege.check_well()


def watch(connection: Connection) -> None:
    connection.send(connection.begin(WELL[1]), message(b""))


def reflection_that_asks_nothing(connection: Connection) -> None:
    connection.begin(REFLECTION[0])


def half_a_message(connection: Connection) -> None:
    body = message(good_request("cbig").SerializeToString())
    connection.send(connection.begin(INFER), body[: len(body) // 2], end=False)


def no_message_at_all(connection: Connection) -> None:
    connection.begin(INFER)


@pytest.mark.parametrize("hold", [watch, reflection_that_asks_nothing, half_a_message, no_message_at_all])
def test_streams_held_open_by_one_caller_shut_out_no_other(siege: Siege, hold: Callable[[Connection], None]) -> None:
    with ExitStack() as stack:
        for _ in range(2 * MAX_CONCURRENT_CALLS):
            hold(stack.enter_context(Connection(siege, DOOR)))
        own = eventually_refused(siege)
        assert own.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert f"adversary has {MAX_CALLS_PER_CALLER} calls under way" in own.details()
        assert dict(own.trailing_metadata())[ERROR_KEY] == "Crowded", "which our own oracle asks again, a few times"
        check_others_are_answered(siege)
    wait_until_well(siege)


def eventually_refused(siege: Siege) -> grpc.RpcError:
    """The adversary's own refusal, once its streams are all there and the house is not full for everybody."""
    for _ in until_late():
        try:
            siege.good("cbig")
        except grpc.RpcError as error:
            if ERROR_KEY in dict(error.trailing_metadata() or ()):
                return error
    raise AssertionError("the adversary may hold as many calls as it likes")


def wait_until_well(siege: Siege) -> None:
    """The server hears a little later that the streams have gone: then all calls that one may have are answered."""
    body = message(good_request("cbig").SerializeToString())
    for _ in until_late():
        with Connection(siege, DOOR) as connection:
            streams = [connection.begin(INFER) for _ in range(MAX_CALLS_PER_CALLER)]
            for stream in streams:
                connection.send(stream, body[:-1], end=False)
            for stream in streams:
                connection.send(stream, body[-1:])
            if not any(connection.status(stream) for stream in streams):
                break
    siege.check_well()


def test_streams_begun_and_reset_by_the_thousand_hinder_nobody(siege: Siege) -> None:
    """As in CVE-2023-44487."""
    with Connection(siege, DOOR) as connection:
        for _ in range(50):
            for stream in [connection.begin(INFER) for _ in range(100)]:
                connection.reset(stream)
            connection.flush()
            check_others_are_answered(siege)
    wait_until_well(siege)


def test_large_messages_from_many_callers_at_once_take_no_more_memory_than_one_callers_share(siege: Siege) -> None:
    """Four times the share is offered, and held complete but for a byte, so that nothing is freed before all is there.

    A party holds a message once while it arrives and once more as it decodes it, and what malloc keeps: 2.3 shares were
    measured, 5 to 8 without a limit.
    """
    body = message(bytes(8 * MIB))
    before = siege.forget_peak("cbig")
    with ExitStack() as stack:
        connections = [stack.enter_context(Connection(siege, DOOR)) for _ in range(4 * MAX_CALLS_PER_CALLER)]
        calls = [(connection, connection.begin(INFER)) for connection in connections]
        for connection, stream in calls:
            connection.send(stream, body[:-1], end=False)
        check_others_are_answered(siege)
        for connection, stream in calls:
            connection.send(stream, body[-1:])
        statuses = Counter(connection.status(stream) for connection, stream in calls)
    assert statuses == {
        grpc.StatusCode.INVALID_ARGUMENT.value[0]: MAX_CALLS_PER_CALLER,
        grpc.StatusCode.RESOURCE_EXHAUSTED.value[0]: 3 * MAX_CALLS_PER_CALLER,
    }
    assert siege.peak_bytes("cbig") - before < 3.5 * MAX_CALLS_PER_CALLER * len(body)
    wait_until_well(siege)


def test_a_storm_of_refused_calls_hinders_nobody(siege: Siege) -> None:
    """Of another party, which has nothing to look for here, on as many streams as it likes."""
    csmall = siege.credentials("csmall")
    statuses: Counter[str] = Counter()
    with connect(siege.parties.addresses[DOOR], csmall, "cbig") as channel:
        calls = [channel.unary_unary(method).future(b"", timeout=WAIT_SECONDS) for method in METHODS[DOOR] * 100]
        check_others_are_answered(siege)
        for call in calls:
            statuses[call.code().name] += 1
    assert set(statuses) <= {"PERMISSION_DENIED", "RESOURCE_EXHAUSTED"}
    assert statuses.total() == 100 * len(METHODS[DOOR])
    siege.check_well()
