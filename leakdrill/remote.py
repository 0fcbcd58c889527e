"""Black-box access to a model over the Open Inference Protocol: a party's, or that of any server which speaks it."""

from collections import deque
from dataclasses import replace
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from leakdrill.errors import NotFound
from leakdrill.identity import Credentials
from leakdrill.oracle import Output
from leakdrill.pb import inference_pb2 as pb
from leakdrill.pb.inference_pb2_grpc import GRPCInferenceServiceStub
from leakdrill.rpc import connect, remote_errors
from leakdrill.wire import TensorSpec, infer_outputs, infer_request, spec_of

NUM_IN_FLIGHT = 3  # requests: one is computed while the next is being sent and the last one read
METADATA_SECONDS = 30.0
INFER_SECONDS = 600.0  # a party may be computing for others first


class RemoteOracle:
    """A leakdrill.oracle.Oracle at the far end of a channel. Also a context manager, which closes the channel.

    Raises NotFound when there is no such model, NotReady when it is not served yet, PartyUnavailable when its party
    cannot be reached or is not who its name says.
    """

    def __init__(self, name: str, address: str, credentials: Credentials, batch_size: int = 256) -> None:
        """`name` is "<party>/<model>", `address` the "host:port" of the party's public listener."""
        self.name = name
        self._party, self._model = name.split("/", maxsplit=1)
        self._batch_size = batch_size
        self._channel = connect(address, credentials, self._party)
        self._stub = GRPCInferenceServiceStub(self._channel)
        with remote_errors(self._party):
            request = pb.ModelMetadataRequest(name=self._model)
            described = self._stub.ModelMetadata(request, timeout=METADATA_SECONDS)
        (self._input,) = map(spec_of, described.inputs)
        self._outputs: dict[str, TensorSpec] = {tensor.name: spec_of(tensor) for tensor in described.outputs}
        self.outputs: frozenset[Output] = frozenset(output for output in get_args(Output) if output in self._outputs)
        by_class = [self._outputs[name].shape[-1] for name in ("scores", "logits") if name in self._outputs]
        self.num_classes = by_class[0] if by_class else 0  # 0: an API of labels or embeddings does not tell

    def query(self, inputs: NDArray[np.uint8], output: Output = "scores") -> NDArray[np.float32]:
        """See leakdrill.oracle.Oracle. Batches are sent ahead of their turn, so that the party never idles."""
        if output not in self.outputs:
            raise NotFound(f"{self.name} does not give {output!r}: it gives {sorted(self.outputs)}")
        spec = self._outputs[output]
        answers = []
        in_flight: deque[tuple[Any, TensorSpec]] = deque()
        with remote_errors(self._party):
            try:
                for start in range(0, len(inputs), self._batch_size):
                    if len(in_flight) == NUM_IN_FLIGHT:
                        answers.append(_received(*in_flight.popleft()))
                    in_flight.append(self._send(inputs[start : start + self._batch_size], spec))
                answers.extend(_received(call, wanted) for call, wanted in in_flight)
            finally:
                for call, _ in in_flight:
                    call.cancel()
        return np.concatenate(answers) if answers else np.empty((0, *spec.shape[1:]), np.float32)

    def close(self) -> None:
        self._channel.close()

    def __enter__(self) -> "RemoteOracle":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _send(self, inputs: NDArray[np.uint8], spec: TensorSpec) -> tuple[Any, TensorSpec]:
        """The call under way, and the exact form of its answer."""
        request = infer_request(self._model, [(self._input, inputs)], [spec.name])
        wanted = replace(spec, shape=(len(inputs), *spec.shape[1:]))
        return self._stub.ModelInfer.future(request, timeout=INFER_SECONDS), wanted


def _received(call: Any, wanted: TensorSpec) -> NDArray[np.float32]:
    (answer,) = infer_outputs(call.result(), [wanted])
    return answer.astype(np.float32)  # labels too: below 2^24 they are exact
