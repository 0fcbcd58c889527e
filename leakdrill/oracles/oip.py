"""Black-box access to an image classifier on a server of the Open Inference Protocol that is not ours.

Such a server has names of its own for its tensors, may send outputs that nobody asked for, and keeps no account for us:
queries are counted, and bounded, here. A party's own API is asked by leakdrill.oracles.remote instead.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from leakdrill.errors import BudgetExhausted, InvalidInput, NotFound
from leakdrill.network.rpc import MAX_MESSAGE_BYTES, Progress, remote_errors
from leakdrill.network.wire import TensorSpec, infer_output, infer_request
from leakdrill.oracles.oracle import Output
from leakdrill.oracles.pixels import ImageInput, image_input
from leakdrill.oracles.reading import OutputsAre, Reading
from leakdrill.pb import inference_pb2 as pb
from leakdrill.pb.inference_pb2_grpc import GRPCInferenceServiceStub

METADATA_SECONDS = 30.0
INFER_SECONDS = 120.0  # a cold model may be loaded first
SUM_TOLERANCE = 0.02  # of a row of scores: a softmax in half precision

#: gRPC's own: an endpoint that is away for a few seconds does not cost the answers so far. It may count a batch twice.
RETRIES = {
    "methodConfig": [
        {
            "name": [{"service": "inference.GRPCInferenceService"}],
            "retryPolicy": {
                "maxAttempts": 5,
                "initialBackoff": "0.2s",
                "maxBackoff": "5s",
                "backoffMultiplier": 3,
                "retryableStatusCodes": ["UNAVAILABLE"],
            },
        }
    ]
}


@dataclass(frozen=True)
class Tls:
    """PEM files: whom to trust, and, for a server that wants one, our own certificate with its key."""

    ca: Path
    cert: Path | None = None
    key: Path | None = None

    def credentials(self) -> Any:
        """Raises NotFound for a file that cannot be read, InvalidInput for a certificate or a key alone."""
        if (self.cert is None) != (self.key is None):
            raise InvalidInput("a certificate without its key, or the other way round: give both, or neither")
        files = (self.ca, self.key, self.cert)
        try:
            return grpc.ssl_channel_credentials(*(None if file is None else file.read_bytes() for file in files))
        except OSError as error:
            raise NotFound(f"{error.filename}: {error.strerror}") from error


class LiveOracle:
    """An `Oracle` over one model at "host:port". Also a context manager, which closes the channel.

    Gives scores (softmax of logits where the model answers in those), and the label as their argmax. Raises NotFound
    when there is no such model, InvalidInput when it is no classifier of RGB images in `num_classes` classes, and
    PartyUnavailable when the server cannot be reached.
    """

    def __init__(
        self,
        address: str,
        model: str,
        num_classes: int,
        budget: int,
        reading: Reading | None = None,
        tls: Tls | None = None,
        progress: Progress = lambda fraction, message: None,
    ) -> None:
        """`budget`: how many examples may be asked about."""
        self.name = f"{address}/{model}"
        self.num_classes = num_classes
        self.outputs: frozenset[Output] = frozenset({"scores", "label"})
        self.num_queries = 0  # examples
        self._reading = reading or Reading()
        self._model, self._budget, self._progress = model, budget, progress
        self._channel = _channel(address, tls)
        try:
            self._stub = GRPCInferenceServiceStub(self._channel)
            with remote_errors(self.name):
                described = self._stub.ModelMetadata(pb.ModelMetadataRequest(name=model), timeout=METADATA_SECONDS)
            self.input: ImageInput = image_input(described.inputs, self._reading)
            self.output = _output(described.outputs, self._reading.output, num_classes)
        except BaseException:
            self.close()
            raise

    def query(self, inputs: NDArray[np.uint8], output: Output = "scores") -> NDArray[np.float32]:
        """See `Oracle`. All of `inputs` are counted before the first is sent, answered or not."""
        if output not in self.outputs:
            raise NotFound(f"{self.name} does not give {output!r}: it gives {sorted(self.outputs)}")
        left = self._budget - self.num_queries
        if len(inputs) > left:
            raise BudgetExhausted(
                f"asked for {len(inputs)} queries of {self.name}, {left} left of {self._budget}: raise the budget"
            )
        self.num_queries += len(inputs)
        answers = [np.empty((0, self.num_classes), np.float32)]
        for start in range(0, len(inputs), self.input.batch_size):
            answers.append(self._ask(inputs[start : start + self.input.batch_size]))
            done = min(start + self.input.batch_size, len(inputs))
            self._progress(done / len(inputs), f"{done:,} of {len(inputs):,} examples")
        scores = np.concatenate(answers)
        return scores.argmax(axis=1).astype(np.float32) if output == "label" else scores

    def described(self) -> dict[str, Any]:
        """What is asked, and how: for the record."""
        asked = f"{self.input.spec(-1)}, pixels as {self.input.input_range}"
        return {"model": self.name, "input": asked, "output": f"{self.output}, {self._reading.outputs_are}"}

    def close(self) -> None:
        self._channel.close()

    def __enter__(self) -> "LiveOracle":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _ask(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Scores (N, num_classes) of one batch."""
        sent = self.input.encode(images)
        request = infer_request(self._model, [(self.input.spec(len(images)), sent)], [self.output])
        with remote_errors(self.name):
            response = self._stub.ModelInfer(request, timeout=INFER_SECONDS)
        # by the answer, not by the metadata, which people write by hand
        datatype = next((tensor.datatype for tensor in response.outputs if tensor.name == self.output), "")
        wanted = TensorSpec(self.output, datatype if datatype == "FP64" else "FP32", (len(images), self.num_classes))
        try:
            answer = infer_output(response, wanted)
        except InvalidInput as error:
            raise InvalidInput(f"{self.name}: {error}") from error
        if self._reading.outputs_are is OutputsAre.LOGITS:
            answer = softmax(answer.astype(np.float64), axis=1)
        else:
            self._check_probabilities(answer)
        return answer.astype(np.float32).clip(0, 1)

    def _check_probabilities(self, scores: NDArray[Any]) -> None:
        sums = scores.sum(axis=1)
        if scores.min() < -SUM_TOLERANCE or np.abs(sums - 1).max() > SUM_TOLERANCE:
            raise InvalidInput(
                f"{self.name}: {self.output} has elements from {scores.min():.3g} to {scores.max():.3g}, and rows that "
                f"sum to {sums.min():.3g} to {sums.max():.3g}, wanted probabilities: say --outputs-are logits if these "
                "are logits, or name another --output"
            )


def _channel(address: str, tls: Tls | None) -> Any:
    limits = [(f"grpc.max_{way}_message_length", MAX_MESSAGE_BYTES) for way in ("receive", "send")]
    options = [*limits, ("grpc.service_config", json.dumps(RETRIES))]
    if tls is None:
        return grpc.insecure_channel(address, options)
    return grpc.secure_channel(address, tls.credentials(), options)


def _output(tensors: Any, name: str | None, num_classes: int) -> str:
    """The name of the output by class: `name`, or the only one there is."""
    shapes = {tensor.name: list(tensor.shape) for tensor in tensors}
    if name is None:
        if len(shapes) != 1:
            raise InvalidInput(f"the model's metadata has the outputs {sorted(shapes)}: choose one with --output")
        (name,) = shapes
    if shapes and name not in shapes:
        raise InvalidInput(f"the model has no output {name!r}, only {sorted(shapes)}")
    shape = shapes.get(name, [-1, -1])  # metadata may leave outputs out: then the answer tells
    if len(shape) != 2 or shape[1] not in (-1, num_classes):
        raise InvalidInput(
            f"the model's output is {name} {shape}, the folders have {num_classes} classes: wanted a folder (it may be "
            f"empty) for each of the model's classes, [-1, {num_classes}]"
        )
    return name
