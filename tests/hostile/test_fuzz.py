"""Every public method of real parties, fuzzed with the adversary's certificate.

No call may end as a failure of the server's (fuzzing.REFUSALS) or hang; the parties stay up, keep answering with the
same bits, hold no more memory, and charge for what they answered and nothing else.

`make fuzz` plays more and other cases.
"""

import os
import zlib
from collections.abc import Callable, Iterator

import grpc
import pytest
from fuzzing import INFER, METHODS, Caller
from http2 import Connection, message
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from siege import MIB, MODELS, Siege, besieged, good_request
from strategies import BODIES, METADATA, Metadata, near_valid

from leakdrill.network.idempotency import IDEMPOTENCY_KEY
from leakdrill.network.rpc import MAX_MESSAGE_BYTES
from leakdrill.pb import inference_pb2 as pb

pytestmark = pytest.mark.slow

NUM_CASES = int(os.environ.get("FUZZ_CASES", "4000"))
NUM_METHODS = sum(map(len, METHODS.values()))
GROWTH_BYTES = 192 * MIB  # replies and keys are kept up to 64 MiB each; a leak of 100 KB a case would show


@pytest.fixture(scope="module")
def siege(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Siege]:
    with besieged(tmp_path_factory.mktemp("siege")) as siege:
        yield siege


@pytest.fixture
def caller(siege: Siege) -> Iterator[Caller]:
    """Whatever the test sends, the parties are well after it, and no larger."""
    before = {party: siege.rss_bytes(party) for party in MODELS}
    with Caller(siege) as caller:
        yield caller
    siege.check_well()
    growth = {party: siege.rss_bytes(party) - before[party] for party in MODELS}
    print(f"{caller.num_calls} calls: {dict(caller.outcomes)}; bytes grown: {growth}")
    assert max(growth.values()) < GROWTH_BYTES


def fuzzed(num_examples: int) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """The same cases in every run, unless FUZZ_CASES asks for a number of them."""
    return settings(
        max_examples=num_examples,
        derandomize="FUZZ_CASES" not in os.environ,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )


class Account:
    """What a party should have charged, by the answers that it gave."""

    def __init__(self) -> None:
        self.num_examples = dict.fromkeys(MODELS, 0)
        self._paid: set[tuple[str, str]] = set()

    def answered(self, party: str, answer: bytes, metadata: Metadata) -> None:
        (key,) = [value for name, value in metadata if name == IDEMPOTENCY_KEY] or [""]
        if key and (party, str(key)) in self._paid:
            return
        self._paid.add((party, str(key)))
        self.num_examples[party] += pb.ModelInferResponse.FromString(answer).outputs[0].shape[0]


def test_requests_that_are_nearly_valid(siege: Siege, caller: Caller) -> None:
    before = {party: siege.spent(party) for party in MODELS}
    account = Account()

    @fuzzed(NUM_CASES // 3 // len(MODELS))
    @given(st.fixed_dictionaries({party: near_valid(party) for party in MODELS}), METADATA)
    def play(requests: dict[str, pb.ModelInferRequest], metadata: Metadata) -> None:
        calls = {
            party: caller.ask(f"{party}/public", INFER, request.SerializeToString(), metadata)
            for party, request in requests.items()
        }
        for party, call in calls.items():
            answer = caller.outcome(INFER, call)
            if answer is not None:
                account.answered(party, answer, metadata)
            elif requests[party] == good_request(party):
                assert metadata, "a good request is refused"

    play()
    assert caller.num_calls >= NUM_CASES // 3 - len(MODELS)
    assert {party: siege.spent(party) - before[party] for party in MODELS} == account.num_examples
    assert caller.outcomes[INFER, "OK"] > 0.05 * caller.num_calls
    assert caller.outcomes[INFER, "INVALID_ARGUMENT"] > 0.2 * caller.num_calls


def test_bodies_of_any_bytes_at_every_method(siege: Siege, caller: Caller) -> None:
    @fuzzed(2 * NUM_CASES // 3 // NUM_METHODS)
    @given(BODIES, METADATA)
    def play(body: bytes, metadata: Metadata) -> None:
        caller.ask_everything(body, metadata)

    play()
    assert caller.num_calls >= 2 * NUM_CASES // 3 - NUM_METHODS
    assert {method for method, _ in caller.outcomes} == {method for methods in METHODS.values() for method in methods}


@pytest.mark.parametrize("excess", [-1, 0, 1])
def test_messages_about_as_large_as_the_limit(siege: Siege, excess: int) -> None:
    body = padded(MAX_MESSAGE_BYTES + excess)
    with Connection(siege, "cbig/public") as connection:
        stream = connection.begin(INFER)
        connection.send(stream, message(body))
        wanted = grpc.StatusCode.RESOURCE_EXHAUSTED if excess > 0 else grpc.StatusCode.INVALID_ARGUMENT
        assert connection.status(stream) == wanted.value[0]
    siege.check_well()


def padded(num_bytes: int) -> bytes:
    """A well-formed request of so many bytes, its raw contents too large."""
    request = good_request("cbig")
    request.raw_input_contents[0] = bytes(num_bytes - 100)
    request.id = "i" * (num_bytes - request.ByteSize() - 2)
    assert request.ByteSize() == num_bytes
    return request.SerializeToString()


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_a_small_frame_that_inflates_beyond_the_limit_is_refused_without_the_memory(
    siege: Siege, encoding: str
) -> None:
    before = siege.forget_peak("cbig")
    frame = message(bomb(encoding, 4096 * MIB), is_compressed=True)
    assert len(frame) < 8 * MIB
    with Connection(siege, "cbig/public") as connection:
        stream = connection.begin(INFER, [("grpc-encoding", encoding)])
        connection.send(stream, frame)
        assert connection.status(stream) == grpc.StatusCode.RESOURCE_EXHAUSTED.value[0]
    assert siege.peak_bytes("cbig") - before < 3 * MAX_MESSAGE_BYTES
    siege.check_well()


def bomb(encoding: str, num_bytes: int) -> bytes:
    """Zeros, compressed without ever having been so many: a fully flushed chunk may be repeated."""
    compressor = zlib.compressobj(9, zlib.DEFLATED, 31 if encoding == "gzip" else 15)
    start = compressor.compress(bytes(MIB)) + compressor.flush(zlib.Z_FULL_FLUSH)
    again = compressor.compress(bytes(MIB)) + compressor.flush(zlib.Z_FULL_FLUSH)
    return start + again * (num_bytes // MIB - 1) + compressor.flush(zlib.Z_FINISH)


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "identity", "br", ""])
def test_what_is_not_compressed_as_it_says_is_refused(siege: Siege, encoding: str) -> None:
    bodies = [b"", b"\x1f\x8b", b"no such thing", bomb("gzip", MIB)[:500], good_request("cbig").SerializeToString()]
    with Connection(siege, "cbig/public") as connection:
        for body in bodies:
            stream = connection.begin(INFER, [("grpc-encoding", encoding)] if encoding else [])
            connection.send(stream, message(body, is_compressed=True))
            assert connection.status(stream) != 0
    siege.check_well()


@pytest.mark.parametrize("metadata", [[("x-large", "v" * 12_000)], [("x-large", "v" * 100)] * 500])
def test_metadata_without_end_is_refused(siege: Siege, caller: Caller, metadata: Metadata) -> None:
    assert caller.outcome(INFER, caller.ask("cbig/public", INFER, b"", metadata)) is None


def test_metadata_that_is_no_text_is_refused_or_ignored(siege: Siege) -> None:
    """Bytes that gRPC's own client would not send."""
    body = message(good_request("cbig").SerializeToString())
    with Connection(siege, "cbig/public") as connection:
        for value, status in ((b"\xff\xfe", "INVALID_ARGUMENT"), ("né".encode(), "INVALID_ARGUMENT"), (b"a b", "OK")):
            stream = connection.begin(INFER, [(IDEMPOTENCY_KEY, value)])
            connection.send(stream, body)
            assert connection.status(stream) == grpc.StatusCode[status].value[0], value
    siege.check_well()
