"""Black-box access to a model over the Open Inference Protocol: a party's, or that of any server which speaks it.

Every request carries an idempotency key, so that one whose reply was lost is sent again and paid once.
"""

import hashlib
import itertools
import logging
import secrets
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any, Self, get_args

import grpc
import numpy as np
from numpy.typing import NDArray

from leakdrill.data.examples import Inputs
from leakdrill.errors import PUSHBACK_KEY, Crowded, InvalidInput, NotFound
from leakdrill.network.guard import ERROR_KEY
from leakdrill.network.idempotency import IDEMPOTENCY_KEY
from leakdrill.network.identity import Credentials
from leakdrill.network.rpc import connect, remote_errors
from leakdrill.network.wire import TensorSpec, infer_outputs, infer_request, spec_of
from leakdrill.oracles.answers import Answers
from leakdrill.oracles.oracle import Output
from leakdrill.pb import inference_pb2 as pb
from leakdrill.pb.inference_pb2_grpc import GRPCInferenceServiceStub

NUM_IN_FLIGHT = 3  # requests: one is computed while the next is being sent and the last one read
METADATA_SECONDS = 30.0
INFER_SECONDS = 600.0  # a party may be computing for others first
CROWDED = Crowded.__name__
RETRY_SECONDS = (0.1, 0.2, 0.4, 0.8, 1.6, 3.2)  # pauses before a request is sent again: a service may be starting anew
MAX_PUSHBACK_SECONDS = 600.0  # the longest that a server's rate limit may make us wait

log = logging.getLogger(__name__)


@dataclass
class _Question:
    request: pb.ModelInferRequest
    wanted: TensorSpec  # the exact form of its answer
    key: str
    call: Any = None  # under way
    kept: NDArray[Any] | None = None  # its answer, if there is no need to ask


class RemoteModel:
    """A public model at the far end of a channel. Also a context manager, which closes the channel.

    Raises NotFound when there is no such model, NotReady when it is not served yet, PartyUnavailable when its party
    cannot be reached or is not who its name says, InvalidInput when what it answers is malformed.
    """

    def __init__(
        self,
        name: str,
        address: str,
        credentials: Credentials,
        batch_size: int = 256,
        scope: str = "",
        answers: Answers | None = None,
        num_inputs: int = 1,
    ) -> None:
        """`name` is "<party>/<model>", `address` the "host:port" of the party's public listener.

        `scope` names what the questions are for. Who asks the same questions in the same order in the same scope pays
        for them once, like an attack that is played again after it was interrupted; default: a scope of its own.
        `answers` are those that were had in this scope before, and where those to come are kept.
        """
        self.name = name
        self._answers = answers
        self._scope = scope or secrets.token_hex(16)
        self._numbers = itertools.count()
        self._party, self._model = name.split("/", maxsplit=1)
        self._batch_size = batch_size
        self._channel = connect(address, credentials, self._party)
        self._stub = GRPCInferenceServiceStub(self._channel)
        with ExitStack() as undo:
            undo.callback(self.close)
            described = self._metadata(num_inputs)
            self._inputs = [spec_of(tensor) for tensor in described.inputs]
            self._outputs: dict[str, TensorSpec] = {tensor.name: spec_of(tensor) for tensor in described.outputs}
            undo.pop_all()
        self.outputs: frozenset[Output] = frozenset(output for output in get_args(Output) if output in self._outputs)
        by_class = [self._outputs[name].shape[-1] for name in ("scores", "logits") if name in self._outputs]
        self.num_classes = by_class[0] if by_class else 0  # 0: an API of labels or embeddings does not tell

    def ask(self, inputs: Sequence[NDArray[Any]], output: Output) -> NDArray[Any]:
        """`output` (N, ...) for N rows of each input. Batches are sent ahead of their turn: the party never idles."""
        if output not in self.outputs:
            raise NotFound(f"{self.name} does not give {output!r}: it gives {sorted(self.outputs)}")
        spec = self._outputs[output]
        answers = []
        in_flight: deque[_Question] = deque()
        with remote_errors(self._party):
            try:
                for start in range(0, len(inputs[0]), self._batch_size):
                    if len(in_flight) == NUM_IN_FLIGHT:
                        answers.append(self._answer(in_flight.popleft()))
                    batch = [rows[start : start + self._batch_size] for rows in inputs]
                    in_flight.append(self._ask(batch, spec))
                while in_flight:
                    answers.append(self._answer(in_flight.popleft()))
            finally:
                for question in in_flight:
                    if question.call:
                        question.call.cancel()
        return np.concatenate(answers) if answers else np.empty((0, *spec.shape[1:]), spec.dtype)

    def close(self) -> None:
        self._channel.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _metadata(self, num_inputs: int) -> pb.ModelMetadataResponse:
        with remote_errors(self._party):
            request = pb.ModelMetadataRequest(name=self._model)
            described: pb.ModelMetadataResponse = self._stub.ModelMetadata(request, timeout=METADATA_SECONDS)
        if len(described.inputs) != num_inputs or not all(tensor.shape for tensor in described.outputs):
            raise InvalidInput(
                f"{self.name} describes itself with {len(described.inputs)} inputs and outputs of "
                f"{[len(tensor.shape) for tensor in described.outputs[:16]]} dimensions, wanted {num_inputs}, and 1 or "
                "more each"
            )
        return described

    def _ask(self, inputs: Sequence[NDArray[Any]], spec: TensorSpec) -> _Question:
        request = infer_request(self._model, list(zip(self._inputs, inputs, strict=True)), [spec.name])
        # by content, too: a request that comes out otherwise the second time is another, and is paid
        named = f"{self._scope}\n{next(self._numbers)}\n".encode() + request.SerializeToString(deterministic=True)
        key = hashlib.sha256(named).hexdigest()
        wanted = replace(spec, shape=(len(inputs[0]), *spec.shape[1:]))
        question = _Question(request, wanted, key, kept=self._kept(key, wanted))
        if question.kept is None:
            question.call = self._send(request, key)
        return question

    def _kept(self, key: str, wanted: TensorSpec) -> NDArray[Any] | None:
        answer = None if self._answers is None else self._answers.get(key)
        return None if answer is None else np.frombuffer(answer, wanted.dtype).reshape(wanted.shape)

    def _send(self, request: pb.ModelInferRequest, key: str) -> Any:
        return self._stub.ModelInfer.future(request, timeout=INFER_SECONDS, metadata=((IDEMPOTENCY_KEY, key),))

    def _answer(self, question: _Question) -> NDArray[Any]:
        """Waits for the answer, and asks again, as often as that may help, when there is none."""
        if question.kept is not None:
            return question.kept
        pauses = iter(RETRY_SECONDS)
        while True:
            try:
                response = question.call.result()
                break
            except grpc.RpcError as error:
                pause = _pause_seconds(error, pauses)
                if pause is None:
                    raise
                log.info("%s: %s; asking again in %.3f s", self.name, error.details(), pause)
                time.sleep(pause)
                question.call = self._send(question.request, question.key)
        (answer,) = infer_outputs(response, [question.wanted])
        if self._answers is not None:
            self._answers.keep(question.key, answer.tobytes())
        return answer


class RemoteOracle(RemoteModel):
    """A leakdrill.oracles.oracle.Oracle at the far end of a channel; raises what RemoteModel raises."""

    def query(self, inputs: Inputs, output: Output = "scores") -> NDArray[np.float32]:
        """See leakdrill.oracles.oracle.Oracle."""
        return self.ask([inputs], output).astype(np.float32)  # labels too: below 2^24 they are exact


def _pause_seconds(error: Any, pauses: Iterator[float]) -> float | None:
    """How long to wait before the request is sent again; None when that would not help, or not any more."""
    metadata = dict(error.trailing_metadata() or ())
    code = error.code()
    if PUSHBACK_KEY in metadata:  # a rate limit: as often as it takes, since it lets us in in the end
        pause = _milliseconds(metadata[PUSHBACK_KEY]) / 1000
        return pause if 0 <= pause <= MAX_PUSHBACK_SECONDS else None
    # too many calls at once, for the party or for gRPC, which names no error: no budget
    is_crowded = code is grpc.StatusCode.RESOURCE_EXHAUSTED and metadata.get(ERROR_KEY, CROWDED) == CROWDED
    return next(pauses, None) if is_crowded or code is grpc.StatusCode.UNAVAILABLE else None


def _milliseconds(text: str) -> int:
    """Of a pushback; one that is no number says "do not retry", like a negative one (gRPC's proposal A6)."""
    return int(text) if text.isdecimal() else -1
