"""Hypothesis strategies for what a hostile caller may send: requests that are nearly valid, bodies, metadata."""

from collections.abc import Callable
from typing import Any

from google.protobuf.message import Message
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2
from hypothesis import strategies as st
from siege import MODELS, good_request

from leakdrill.network.idempotency import IDEMPOTENCY_KEY
from leakdrill.pb import inference_pb2 as pb

Draw = Callable[[st.SearchStrategy[Any]], Any]
Metadata = list[tuple[str, str | bytes]]

NAMES = st.one_of(
    st.sampled_from(["source", "recognition", "image", "scores", "label", "1", "", "../source", "\0", "A" * 5000]),
    st.text(max_size=20),
)
DATATYPES = st.one_of(st.sampled_from(["UINT8", "INT64", "FP32", "FP64", "BYTES", "BF16", "uint8", ""]), st.text())
SIZES = st.one_of(
    st.sampled_from([-1, 0, 1, 2, 3, 16, 4096, 4097, 2**31, 2**40, 2**62, -(2**63), 2**63 - 1]),
    st.integers(-(2**63), 2**63 - 1),
)
SHAPES = st.one_of(
    st.tuples(SIZES, st.just(16), st.just(16), st.just(3)),
    st.lists(SIZES, max_size=8),
    st.integers(100, 20_000).map(lambda rank: [1] * rank),
    st.just([2**40]),
    st.just([-1]),
)
FLOATS = st.floats(width=32)  # NaN and infinities among them
TYPED: dict[str, st.SearchStrategy[Any]] = {
    "bool_contents": st.booleans(),
    "int_contents": st.integers(-(2**31), 2**31 - 1),
    "int64_contents": st.integers(-(2**63), 2**63 - 1),
    "uint_contents": st.one_of(st.integers(0, 255), st.integers(0, 2**32 - 1)),
    "uint64_contents": st.integers(0, 2**64 - 1),
    "fp32_contents": FLOATS,
    "fp64_contents": st.floats(),
    "bytes_contents": st.binary(max_size=20),
}


def _model(draw: Draw, request: pb.ModelInferRequest) -> None:
    request.model_name = draw(NAMES)


def _version(draw: Draw, request: pb.ModelInferRequest) -> None:
    request.model_version = draw(NAMES)


def _id(draw: Draw, request: pb.ModelInferRequest) -> None:
    request.id = draw(NAMES)


def _name(draw: Draw, request: pb.ModelInferRequest) -> None:
    for tensor in request.inputs[:1]:
        tensor.name = draw(NAMES)


def _datatype(draw: Draw, request: pb.ModelInferRequest) -> None:
    for tensor in request.inputs[:1]:
        tensor.datatype = draw(DATATYPES)


def _shape(draw: Draw, request: pb.ModelInferRequest) -> None:
    for tensor in request.inputs[:1]:
        tensor.shape[:] = draw(SHAPES)


def _raw(draw: Draw, request: pb.ModelInferRequest) -> None:
    length = draw(st.one_of(st.sampled_from([0, 1, 767, 768, 1535, 1537, 3072]), st.integers(0, 100_000)))
    request.raw_input_contents[:] = [bytes(length)] * draw(st.integers(0, 3))


def _typed(draw: Draw, request: pb.ModelInferRequest) -> None:
    """Typed contents of any kind, in the right number or another, instead of the raw ones or beside them."""
    if draw(st.booleans()):
        del request.raw_input_contents[:]
    field = draw(st.sampled_from(sorted(TYPED)))
    few = draw(st.lists(TYPED[field], min_size=1, max_size=5))
    length = draw(st.sampled_from([1, 5, 1535, 1536, 1537, 10_000]))
    for tensor in request.inputs[:1]:
        getattr(tensor.contents, field).extend((few * length)[:length])


def _inputs(draw: Draw, request: pb.ModelInferRequest) -> None:
    most = 1 + 100_000 // (1 + request.ByteSize())  # large messages are tests of their own
    inputs = list(request.inputs) * min(most, draw(st.sampled_from([0, 2, 1000])))
    del request.inputs[:]
    request.inputs.extend(inputs)


def _outputs(draw: Draw, request: pb.ModelInferRequest) -> None:
    names = draw(st.lists(NAMES, max_size=4)) * draw(st.sampled_from([1, 1, 500]))
    del request.outputs[:]
    request.outputs.extend(pb.ModelInferRequest.InferRequestedOutputTensor(name=name) for name in names)


def _parameters(draw: Draw, request: pb.ModelInferRequest) -> None:
    places = [request.parameters, *(each.parameters for each in (*request.inputs[:1], *request.outputs[:1]))]
    parameter = draw(st.sampled_from(places))[draw(NAMES)]
    parameter.int64_param = draw(st.integers(-(2**63), 2**63 - 1))


MUTATIONS = (_model, _version, _id, _name, _datatype, _shape, _raw, _typed, _inputs, _outputs, _parameters)


@st.composite
def near_valid(draw: Draw, party: str) -> pb.ModelInferRequest:
    """A request that `party` would answer, with up to three things wrong."""
    request = good_request(party)
    for mutate in draw(st.lists(st.sampled_from(MUTATIONS), max_size=3)):
        mutate(draw, request)
    return request


_TOKENS = st.text("abcdefghijklmnopqrstuvwxyz0123456789-_.", min_size=1, max_size=20)
_VALUES = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=200)
_HEADERS = st.one_of(
    st.tuples(st.just(IDEMPOTENCY_KEY), st.one_of(st.sampled_from(["a", "b", "c"]), _VALUES, st.just("k" * 129))),
    st.tuples(st.sampled_from(["authorization", "peer_spiffe_id", "caller", "x-forwarded-for", "cookie"]), _VALUES),
    st.tuples(_TOKENS.map(lambda token: f"x-{token}"), _VALUES),
    st.tuples(st.sampled_from(["grpc-trace-bin", "grpc-tags-bin", "x-bin", "idempotency-key-bin"]), st.binary()),
)
METADATA = st.one_of(st.just([]), st.lists(_HEADERS, max_size=3).filter(lambda each: _is_legal(each)))


def _is_legal(metadata: Metadata) -> bool:
    """gRPC's own client refuses to send some names with text and some with bytes."""
    return all(name.endswith("-bin") == isinstance(value, bytes) for name, value in metadata)


def _valid_bodies() -> list[bytes]:
    reflect = reflection_pb2.ServerReflectionRequest
    messages: list[Message] = [
        *(good_request(party) for party in MODELS),
        pb.ModelMetadataRequest(name="source", version="1"),
        pb.ModelReadyRequest(name="recognition"),
        health_pb2.HealthCheckRequest(service="inference.GRPCInferenceService"),
        reflect(list_services=""),
        reflect(file_containing_symbol="inference.GRPCInferenceService"),
        reflect(file_by_filename="inference.proto"),
        reflect(all_extension_numbers_of_type="inference.ModelInferRequest"),
        reflect(
            file_containing_extension=reflection_pb2.ExtensionRequest(containing_type="x", extension_number=2**31 - 1)
        ),
    ]
    return [message.SerializeToString() for message in messages]


VALID_BODIES = _valid_bodies()


@st.composite
def _mangled(draw: Draw) -> bytes:
    """A valid body with bytes replaced, cut out, or put in; or cut off."""
    body = bytearray(draw(st.sampled_from(VALID_BODIES)))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, min(len(body), 200)))
        body[start : start + draw(st.integers(0, 4))] = draw(st.binary(max_size=4))
    return bytes(body[: draw(st.one_of(st.just(len(body)), st.integers(0, len(body))))])


BODIES = st.one_of(_mangled(), st.binary(max_size=300), st.sampled_from(VALID_BODIES))
