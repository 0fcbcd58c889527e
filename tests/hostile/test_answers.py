"""Parties that answer as they should not: the adversary to the referee, a model's owner to the adversary.

Whoever asks gets a LeakdrillError that says what is wrong, soon, and holds little of what was sent.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import numpy as np
import pytest
from predict_api import party_credentials, photos
from serving import served

from leakdrill.attacks.gap import Gap
from leakdrill.errors import InvalidInput, LeakdrillError, PartyUnavailable
from leakdrill.network import rpc
from leakdrill.network.guard import Guard
from leakdrill.network.identity import Credentials
from leakdrill.network.policy import Policy
from leakdrill.network.rpc import Listener
from leakdrill.oracles import remote
from leakdrill.oracles.remote import RemoteOracle
from leakdrill.pb import adversary_pb2, inference_pb2, party_pb2
from leakdrill.pb.adversary_pb2_grpc import AdversaryServiceServicer, add_AdversaryServiceServicer_to_server
from leakdrill.pb.inference_pb2_grpc import GRPCInferenceServiceServicer, add_GRPCInferenceServiceServicer_to_server
from leakdrill.pb.party_pb2_grpc import PartyServiceServicer, add_PartyServiceServicer_to_server
from leakdrill.referee import clients
from leakdrill.referee.clients import AdversaryClient

NUM_CHALLENGE = 4
MIB = 1 << 20
Answers = list[adversary_pb2.AttackResponse]


@pytest.fixture(scope="module")
def credentials(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Credentials]:
    return party_credentials(tmp_path_factory.mktemp("credentials"), "referee", "cbig", "adversary")


class Adversary(AdversaryServiceServicer, PartyServiceServicer):
    """Answers an attack with `answers`, and then, if it `stays`, with nothing more."""

    answers: Answers
    stays = False
    num_chunks = 0  # of its audit log, of a MiB each

    async def Attack(self, request: Any, context: Any) -> AsyncIterator[adversary_pb2.AttackResponse]:
        for answer in self.answers:
            yield answer
        if self.stays:
            await asyncio.sleep(60)

    async def Audit(self, request: Any, context: Any) -> AsyncIterator[party_pb2.AuditResponse]:
        for _ in range(self.num_chunks):
            yield party_pb2.AuditResponse(chunk=bytes(MIB))


@pytest.fixture(scope="module")
def _server(credentials: dict[str, Credentials]) -> Iterator[tuple[Adversary, str]]:
    adversary = Adversary()

    def add(server: Any) -> None:
        add_AdversaryServiceServicer_to_server(adversary, server)
        add_PartyServiceServicer_to_server(adversary, server)

    listener = Listener("private", add, ())
    with served(Guard("adversary", Policy.load()), [listener], credentials["adversary"]) as addresses:
        yield adversary, addresses["private"]


@pytest.fixture
def adversary(_server: tuple[Adversary, str]) -> Adversary:
    _server[0].stays = False
    return _server[0]


@pytest.fixture
def referee(_server: tuple[Adversary, str], credentials: dict[str, Credentials]) -> Iterator[AdversaryClient]:
    client = AdversaryClient("adversary", _server[1], credentials["referee"])
    with client.channel:
        yield client


def verdict(**changes: Any) -> adversary_pb2.AttackResponse:
    scores, decisions = np.zeros(NUM_CHALLENGE).tobytes(), bytes(NUM_CHALLENGE)
    fields = {"scores": scores, "decisions": decisions, "seconds": 1.0, "notes_json": "{}"} | changes
    return adversary_pb2.AttackResponse(verdict=adversary_pb2.Verdict(**fields))


def within(queries: int, scores: bytes = bytes(8 * NUM_CHALLENGE)) -> adversary_pb2.ScoresWithin:
    return adversary_pb2.ScoresWithin(queries=queries, scores=scores)


def report(fraction: float = 0.5, message: str = "") -> adversary_pb2.AttackResponse:
    return adversary_pb2.AttackResponse(progress=party_pb2.Progress(fraction=fraction, message=message))


def attacked(referee: AdversaryClient, heard: Callable[[float, str], None] = lambda *_: None) -> Any:
    return referee.attack(Gap(kind="gap"), 0, NUM_CHALLENGE, heard)


@pytest.mark.parametrize(
    ("answers", "says"),
    [
        ([verdict(scores=np.array([0, 1, np.nan, np.inf]).tobytes())], "2 of 4 scores are not finite"),
        ([verdict(scores=bytes(8))], "the verdict has 1 scores and 4 decisions, wanted 4 of each"),
        ([verdict(scores=bytes(33))], "wanted 4 of each"),
        ([verdict(scores=bytes(32 * MIB))], "wanted 4 of each"),
        ([verdict(decisions=b"")], "wanted 4 of each"),
        ([verdict(seconds=float("nan"))], "the verdict took nan seconds"),
        ([verdict(seconds=-1.0)], "the verdict took -1.0 seconds"),
        ([verdict(notes_json="")], "notes are not JSON"),
        ([verdict(notes_json="{'a': 1}")], "notes are not JSON"),
        ([verdict(notes_json="[" * 200_000)], "notes are not JSON"),
        ([verdict(notes_json='{"a": ' + "9" * 10_000 + "}")], "notes are not JSON"),
        ([verdict(notes_json="[1, 2]")], "notes are a list, wanted a mapping"),
        ([verdict(notes_json=json.dumps({"a": "b" * (16 << 20)}))], "notes have 16777225 characters"),
        ([verdict(by_queries=[within(5), within(1)])], r"for 2 budgets, \[5, 1\] the first of them, wanted .* rising"),
        ([verdict(by_queries=[within(5), within(5)])], "in rising order"),
        ([verdict(by_queries=[within(0)])], "1 or more queries"),
        ([verdict(by_queries=[within(1 + number) for number in range(100_000)])], "for 100000 budgets"),
        ([verdict(by_queries=[within(1), within(5, bytes(24))])], "3 scores for 5 queries per example, wanted 4"),
        ([verdict(by_queries=[within(1, bytes(32 * MIB))])], "wanted 4: one per challenge example"),
        ([verdict(by_queries=[within(1, np.full(4, np.nan).tobytes())])], "4 of 4 scores are not finite"),
        ([verdict(abstained=bytes(3))], "abstains from 3 examples, wanted one byte for each of 4"),
        ([], "the party's stream ended without a result"),
        ([report()] * 3, "the party's stream ended without a result"),
        ([adversary_pb2.AttackResponse()], "wanted 4 of each"),
    ],
)
def test_a_verdict_that_is_none_is_refused(
    adversary: Adversary, referee: AdversaryClient, answers: Answers, says: str
) -> None:
    adversary.answers = answers
    with pytest.raises(InvalidInput, match=says) as error:
        attacked(referee)
    assert len(str(error.value)) < 500


def test_a_good_verdict_is_taken(adversary: Adversary, referee: AdversaryClient) -> None:
    by_queries = [within(1), within(5, np.arange(4.0).tobytes())]
    adversary.answers = [report(), verdict(notes_json='{"num_shadows": 3}', by_queries=by_queries)]
    found, seconds = attacked(referee)
    assert (found.scores.tolist(), found.notes, seconds) == ([0.0] * NUM_CHALLENGE, {"num_shadows": 3}, 1.0)
    assert {queries: scores.tolist() for queries, scores in found.by_queries.items()} == {1: [0] * 4, 5: [0, 1, 2, 3]}
    assert found.abstained is None


def test_a_verdict_may_abstain_from_some(adversary: Adversary, referee: AdversaryClient) -> None:
    adversary.answers = [verdict(abstained=b"\0\1\0\0")]
    found, _ = attacked(referee)
    assert found.abstained is not None
    assert found.abstained.tolist() == [False, True, False, False]


def test_an_answer_larger_than_a_message_may_be_is_refused(adversary: Adversary, referee: AdversaryClient) -> None:
    adversary.answers = [verdict(notes_json="a" * (rpc.MAX_MESSAGE_BYTES + 1))]
    with pytest.raises(PartyUnavailable, match="larger than max"):
        attacked(referee)


def test_an_adversary_that_never_answers_is_given_up(
    adversary: Adversary, referee: AdversaryClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clients, "WORK_SECONDS", 0.5)
    adversary.answers, adversary.stays = [report()], True
    with pytest.raises(PartyUnavailable, match=r"^adversary: .*DEADLINE_EXCEEDED"):
        attacked(referee)


def test_progress_is_shown_as_a_fraction_and_one_line_whatever_was_sent(
    adversary: Adversary, referee: AdversaryClient
) -> None:
    fractions = [float("nan"), float("inf"), -3.0, 1e300, 0.25]
    text = "\x1b[2J\x1b]0;owned\x07" + "a\nb" * 1_000_000
    adversary.answers = [*(report(fraction, text) for fraction in fractions), verdict()]
    heard: list[tuple[float, str]] = []
    attacked(referee, lambda *each: heard.append(each))
    assert [fraction for fraction, _ in heard] == [0, 0, 0, 1, 0.25]
    assert all(message.isprintable() and len(message) <= 200 for _, message in heard)


def test_an_audit_log_without_end_is_given_up(
    adversary: Adversary, referee: AdversaryClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clients, "MAX_AUDIT_BYTES", 4 * MIB)
    adversary.num_chunks = 4
    assert len(referee.audit()) == 4 * MIB
    adversary.num_chunks = 100
    with pytest.raises(InvalidInput, match="adversary's audit log has more than 4194304 bytes"):
        referee.audit()


class Victim(GRPCInferenceServiceServicer):
    """A model "source" that describes itself and answers as it is told."""

    described: inference_pb2.ModelMetadataResponse
    answer: Callable[[], inference_pb2.ModelInferResponse]
    delay_seconds = 0.0

    async def ModelMetadata(self, request: Any, context: Any) -> inference_pb2.ModelMetadataResponse:
        return self.described

    async def ModelInfer(self, request: Any, context: Any) -> inference_pb2.ModelInferResponse:
        await asyncio.sleep(self.delay_seconds)
        return self.answer()


@pytest.fixture
def victim(credentials: dict[str, Credentials]) -> Iterator[tuple[Victim, Callable[[], RemoteOracle]]]:
    victim, guard = Victim(), Guard("cbig", Policy.load())
    guard.state = "open"
    victim.described = described()
    listener = Listener("public", lambda server: add_GRPCInferenceServiceServicer_to_server(victim, server), ())
    with served(guard, [listener], credentials["cbig"]) as addresses:
        yield victim, lambda: RemoteOracle("cbig/source", addresses["public"], credentials["adversary"])


Tensor = tuple[str, str, list[int]]


def described(
    inputs: tuple[Tensor, ...] = (("image", "UINT8", [-1, 8, 8, 3]),),
    outputs: tuple[Tensor, ...] = (("scores", "FP32", [-1, 4]),),
) -> inference_pb2.ModelMetadataResponse:
    kind = inference_pb2.ModelMetadataResponse.TensorMetadata
    tensors = [[kind(name=name, datatype=datatype, shape=shape) for name, datatype, shape in each]
               for each in (inputs, outputs)]  # fmt: skip
    return inference_pb2.ModelMetadataResponse(name="source", inputs=tensors[0], outputs=tensors[1])


@pytest.mark.parametrize(
    "description",
    [
        described(inputs=()),
        described(inputs=(("image", "UINT8", [-1, 8, 8, 3]), ("mask", "UINT8", [-1, 8, 8, 3]))),
        described(inputs=(("image", "BYTES", [-1]),)),
        described(outputs=(("scores", "FP32", []),)),
        described(outputs=(("scores", "BF16", [-1, 4]),)),
    ],
)
def test_a_model_that_describes_itself_as_none_is_refused(
    victim: tuple[Victim, Callable[[], RemoteOracle]], description: inference_pb2.ModelMetadataResponse
) -> None:
    victim[0].described = description
    with pytest.raises(InvalidInput):
        victim[1]().close()


def answer(name: str = "scores", datatype: str = "FP32", shape: tuple[int, ...] = (2, 4), raw: bytes = b"") -> Any:
    tensor = inference_pb2.ModelInferResponse.InferOutputTensor(name=name, datatype=datatype, shape=shape)
    return inference_pb2.ModelInferResponse(outputs=[tensor], raw_output_contents=[raw])


@pytest.mark.parametrize(
    "response",
    [
        inference_pb2.ModelInferResponse(),
        answer(raw=np.full(8, np.nan, "<f4").tobytes()),
        answer(raw=bytes(31)),
        answer(shape=(1, 4), raw=bytes(16)),
        answer(shape=(2, 2**40), raw=bytes(32)),
        answer(shape=(-1, 4), raw=bytes(32)),
        answer(shape=(1,) * 100_000, raw=bytes(32)),
        answer(datatype="FP64", raw=bytes(64)),
        answer(name="label", raw=bytes(32)),
        answer(raw=bytes(32 * MIB)),
    ],
)
def test_an_answer_that_is_not_as_described_is_refused(
    victim: tuple[Victim, Callable[[], RemoteOracle]], response: inference_pb2.ModelInferResponse
) -> None:
    victim[0].answer = lambda: response
    with victim[1]() as oracle, pytest.raises(InvalidInput) as error:
        oracle.query(photos(2))
    assert len(str(error.value)) < 1000


def test_a_model_that_never_answers_is_given_up(
    victim: tuple[Victim, Callable[[], RemoteOracle]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote, "INFER_SECONDS", 0.3)
    victim[0].answer, victim[0].delay_seconds = answer, 60.0
    with victim[1]() as oracle, pytest.raises(LeakdrillError, match=r"^cbig: .*DEADLINE_EXCEEDED"):
        oracle.query(photos(2))
