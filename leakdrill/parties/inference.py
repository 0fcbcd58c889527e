"""A party's public API: the Open Inference Protocol over the models that it has published."""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from typing import Any

import numpy as np

from leakdrill.data.forms import Form, ImageForm
from leakdrill.errors import InvalidInput, NotFound, NotReady
from leakdrill.network.guard import caller
from leakdrill.network.idempotency import Replies, digest, key_of
from leakdrill.network.wire import MAX_EXAMPLES, TensorSpec, infer_inputs, infer_response, metadata
from leakdrill.oracles.oracle import Output
from leakdrill.parties.batching import Answer, Batcher, Predict, Rows
from leakdrill.parties.ledger import Ledger
from leakdrill.pb import inference_pb2 as pb
from leakdrill.pb.inference_pb2_grpc import GRPCInferenceServiceServicer

MODEL_VERSION = "1"
INTEGERS: frozenset[Output] = frozenset({"label", "same", "face"})


@dataclass(frozen=True)
class PublicModel:
    """A model as the public sees it. `predict` runs on the party's compute thread."""

    name: str
    inputs: tuple[TensorSpec, ...]  # what one asks about; where there are several, row by row together
    outputs: Mapping[Output, tuple[int, ...]]  # shape of one example's: {"scores": (10,), "label": ()}
    predict: Predict
    account: str = ""  # under which its questions are counted; default: its name
    admit: Callable[[str, Rows], Rows] = lambda caller, rows: rows  # what that caller's inputs stand for; may refuse
    hand_out: Callable[[str, Answer], Answer] = lambda caller, answer: answer  # what that caller is given for it
    is_numbered: bool = False  # `predict` is given the number (N,) of each question, too, after the inputs

    def output_spec(self, output: Output) -> TensorSpec:
        return TensorSpec(output, "INT64" if output in INTEGERS else "FP32", (-1, *self.outputs[output]))


def image_input(image_size: int) -> TensorSpec:
    """Square images of this side, in pixels."""
    return TensorSpec("image", "UINT8", (-1, image_size, image_size, 3))


def input_of(form: Form) -> TensorSpec:
    """What a model of images or of rows is asked about."""
    if isinstance(form, ImageForm):
        return image_input(form.image_size)
    return TensorSpec("features", "FP32", (-1, form.num_features))


class InferenceServicer(GRPCInferenceServiceServicer):
    """Serves `models`, a mapping that its owner fills as models get ready, and may clear.

    Every example is charged to the caller in the ledger before it is answered; a refused batch costs nothing, and one
    that comes again under its idempotency key costs nothing more.
    """

    def __init__(
        self, party: str, models: dict[str, PublicModel], ledger: Ledger, executor: ThreadPoolExecutor
    ) -> None:
        self._party = party
        self._models = models
        self._ledger = ledger
        self._executor = executor
        self._desks: dict[str, _Desk] = {}

    async def ServerLive(self, request: pb.ServerLiveRequest, context: Any) -> pb.ServerLiveResponse:
        return pb.ServerLiveResponse(live=True)

    async def ServerReady(self, request: pb.ServerReadyRequest, context: Any) -> pb.ServerReadyResponse:
        return pb.ServerReadyResponse(ready=bool(self._models))

    async def ModelReady(self, request: pb.ModelReadyRequest, context: Any) -> pb.ModelReadyResponse:
        return pb.ModelReadyResponse(ready=request.name in self._models and request.version in ("", MODEL_VERSION))

    async def ServerMetadata(self, request: pb.ServerMetadataRequest, context: Any) -> pb.ServerMetadataResponse:
        return pb.ServerMetadataResponse(name=self._party, version=version("leakdrill"))

    async def ModelMetadata(self, request: pb.ModelMetadataRequest, context: Any) -> pb.ModelMetadataResponse:
        model = self._model(request.name, request.version)
        return pb.ModelMetadataResponse(
            name=model.name,
            versions=[MODEL_VERSION],
            platform="leakdrill",
            inputs=[metadata(spec) for spec in model.inputs],
            outputs=[metadata(model.output_spec(output)) for output in model.outputs],
        )

    async def ModelInfer(self, request: pb.ModelInferRequest, context: Any) -> pb.ModelInferResponse:
        model = self._model(request.model_name, request.model_version)
        inputs = infer_inputs(request, model.inputs)
        num_examples = _num_rows(inputs, model)
        outputs = _requested(request, model)
        desk, who, key = self._desk(model), caller(context), key_of(context.invocation_metadata())
        rows = model.admit(who, inputs)
        first = 0

        def charge(key: str = "", asked: str = "") -> None:
            nonlocal first
            account, what = model.account or model.name, "+".join(sorted(outputs))
            first = self._ledger.charge(who, account, what, num_examples, key, asked)

        async def answer() -> pb.ModelInferResponse:
            numbers = [np.uint64(first) + np.arange(num_examples, dtype=np.uint64)] if model.is_numbered else []
            answers = model.hand_out(who, await desk.batcher.ask([*rows, *numbers], frozenset(outputs)))
            made = [(model.output_spec(output), answers[output]) for output in outputs]
            return infer_response(request, MODEL_VERSION, made)

        if not key:
            charge()
            return await answer()
        asked = digest(request)
        return await desk.replies.once(who, key, asked, partial(charge, key, asked), answer)

    def _model(self, name: str, version: str) -> PublicModel:
        if not self._models:
            raise NotReady(f"{self._party} serves no model yet: wait until its models are trained")
        if name not in self._models or version not in ("", MODEL_VERSION):
            asked = f"{name!r} version {version!r}" if version else repr(name)
            raise NotFound(f"no model {asked}: {self._party} serves {sorted(self._models)}, version {MODEL_VERSION}")
        return self._models[name]

    def _desk(self, model: PublicModel) -> "_Desk":
        """Of this very model: one that was since published again under the same name has its own."""
        desk = self._desks.get(model.name)
        if desk is None or desk.model is not model:
            desk = _Desk(model, Batcher(model.predict, self._executor, MAX_EXAMPLES), Replies())
            self._desks[model.name] = desk
        return desk


@dataclass(frozen=True)
class _Desk:
    """Where one model is asked."""

    model: PublicModel
    batcher: Batcher
    replies: Replies[pb.ModelInferResponse]


def _num_rows(inputs: Rows, model: PublicModel) -> int:
    """As many in each input."""
    counts = [len(rows) for rows in inputs]
    if len(set(counts)) > 1:
        got = ", ".join(f"{count} {spec.name}" for count, spec in zip(counts, model.inputs, strict=True))
        raise InvalidInput(f"got {got}, wanted as many of each: {model.name} takes them row by row together")
    return counts[0]


def _requested(request: pb.ModelInferRequest, model: PublicModel) -> list[Output]:
    """The outputs to answer with, in the order asked for; all that the model gives when none is named."""
    most = len(model.outputs) + 1  # one too many is refused below; a million are not looked at
    names = [output.name for output in request.outputs[:most]] or list(model.outputs)
    by_name = {str(output): output for output in model.outputs}
    if not by_name.keys() >= set(names) or len(set(names)) < len(names):
        raise InvalidInput(f"asked for outputs {names}, {model.name} gives {sorted(by_name)}, each at most once")
    if parameters := sorted({key for output in request.outputs for key in output.parameters}):
        raise InvalidInput(f"asked for outputs with {parameters}, wanted no parameters: none is supported")
    return [by_name[name] for name in names]
