"""A model server that is not ours, for tests: no policy, no ledger, tensors named and shaped as its owner likes."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from leakdrill.pb import inference_pb2 as pb
from leakdrill.pb.inference_pb2_grpc import (
    GRPCInferenceServiceServicer,
    add_GRPCInferenceServiceServicer_to_server,
)

CLASSES = ("ada", "bob", "cy")
SIZE = 8
Predict = Callable[[NDArray[Any]], NDArray[Any]]


@dataclass
class ModelServer(GRPCInferenceServiceServicer):  # type: ignore[misc]  # its base is untyped
    """Serves the model "faces": `predict` is given the input tensor as it came, and gives the output by class."""

    predict: Predict
    datatype: str = "FP32"
    shape: tuple[int, ...] = (-1, 3, SIZE, SIZE)
    outputs: tuple[tuple[str, tuple[int, ...]], ...] = (("probs", (-1, len(CLASSES))),)
    extra: bool = False  # an output that was not asked for, before the one that was
    typed: bool = False  # answer in typed contents
    received: list[NDArray[Any]] = field(default_factory=list)
    address: str = ""

    def ModelMetadata(self, request: pb.ModelMetadataRequest, context: Any) -> pb.ModelMetadataResponse:
        if request.name != "faces":
            context.abort(grpc.StatusCode.NOT_FOUND, f"Model {request.name} not found")
        tensor = pb.ModelMetadataResponse.TensorMetadata
        outputs = [tensor(name=name, datatype="FP32", shape=shape) for name, shape in self.outputs]
        inputs = [tensor(name="x", datatype=self.datatype, shape=self.shape)]
        return pb.ModelMetadataResponse(name="faces", inputs=inputs, outputs=outputs)

    def ModelInfer(self, request: pb.ModelInferRequest, context: Any) -> pb.ModelInferResponse:
        (tensor,), (raw,) = request.inputs, request.raw_input_contents
        dtype = {"UINT8": np.dtype("u1"), "FP32": np.dtype("<f4")}[tensor.datatype]
        self.received.append(np.frombuffer(raw, dtype).reshape(tensor.shape))
        answer = self.predict(self.received[-1])
        response = pb.ModelInferResponse(model_name="faces")
        if self.extra:
            response.outputs.add(name="took_ms", datatype="FP32", shape=[1])
            response.raw_output_contents.append(np.float32(3).tobytes())
        datatype = {"f4": "FP32", "f8": "FP64"}[answer.dtype.str[1:]]
        output = response.outputs.add(name=request.outputs[0].name, datatype=datatype, shape=answer.shape)
        if self.typed:
            output.contents.fp32_contents.extend(answer.ravel().tolist())
        else:
            response.raw_output_contents.append(answer.tobytes())
        return response


@contextmanager
def serving(server: ModelServer, tls: Any = None) -> Iterator[ModelServer]:
    """On a free port of localhost, in clear unless given grpc.ServerCredentials."""
    running = grpc.server(ThreadPoolExecutor(2))
    add_GRPCInferenceServiceServicer_to_server(server, running)
    port = running.add_secure_port("localhost:0", tls) if tls else running.add_insecure_port("localhost:0")
    server.address = f"localhost:{port}"
    running.start()
    try:
        yield server
    finally:
        running.stop(0).wait()


@dataclass(frozen=True)
class Memoriser:
    """The nearest of the photos that it knows: sure of these, unsure of any others. Images are (3, S, S) in 0:1."""

    known: NDArray[np.float32]  # (M, 3, S, S)
    labels: NDArray[np.int64]

    def logits(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        distances = np.abs(images[:, None] - self.known[None]).mean(axis=(2, 3, 4))  # (N, M)
        of_class = [distances[:, self.labels == label].min(axis=1) for label in range(len(CLASSES))]
        return -30 * np.stack(of_class, axis=1).astype(np.float32)

    def scores(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        exp = np.exp(self.logits(images))
        return np.asarray(exp / exp.sum(axis=1, keepdims=True), np.float32)


def photo(label: int, generator: np.random.Generator) -> NDArray[np.uint8]:
    """(S, S, 3): noise with some of its class's colour."""
    pixels = generator.integers(0, 200, (SIZE, SIZE, 3))
    pixels[..., label] += 40
    return pixels.astype(np.uint8)


def write_folders(root: Path, per_class: int = 10) -> Memoriser:
    """`root`/challenge with members/ and non_members/, `root`/shadow with twice as many; the model of the members."""
    generator = np.random.default_rng(0)
    known, labels = [], []
    for folder, count in {
        "challenge/members": per_class,
        "challenge/non_members": per_class,
        "shadow": 2 * per_class,
    }.items():
        for label, name in enumerate(CLASSES):
            (root / folder / name).mkdir(parents=True)
            for number in range(count):
                image = photo(label, generator)
                Image.fromarray(image).save(root / folder / name / f"{number}.png")
                if folder == "challenge/members":
                    known.append(image.transpose(2, 0, 1).astype(np.float32) / 255)
                    labels.append(label)
    return Memoriser(np.stack(known), np.array(labels))
