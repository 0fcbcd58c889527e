"""Tensors of the Open Inference Protocol <-> numpy. What comes in is checked before anything is allocated for it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leakdrill.errors import InvalidInput
from leakdrill.pb import inference_pb2 as pb

MAX_EXAMPLES = 4096  # in one request
MAX_TENSOR_BYTES = 32 << 20  # well below gRPC's own limit, whose refusal could not say what is expected
MAX_LISTED = 16  # tensors, and dimensions: more than any of ours has; the millions that fit a message are not looked at

#: datatype -> (numpy's, the field of InferTensorContents that holds it when it is not sent raw)
_DATATYPES = {
    "UINT8": ("u1", "uint_contents"),
    "INT64": ("<i8", "int64_contents"),
    "FP32": ("<f4", "fp32_contents"),
    "FP64": ("<f8", "fp64_contents"),  # never ours: what many a NumPy model elsewhere answers in
}


@dataclass(frozen=True)
class TensorSpec:
    """What a tensor must be. Shape: -1 is any number of examples."""

    name: str
    datatype: str  # a key of _DATATYPES
    shape: tuple[int, ...]

    def __str__(self) -> str:
        return f"{self.name} {self.datatype} {list(self.shape)}"

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.dtype(_DATATYPES[self.datatype][0])


def metadata(spec: TensorSpec) -> pb.ModelMetadataResponse.TensorMetadata:
    return pb.ModelMetadataResponse.TensorMetadata(name=spec.name, datatype=spec.datatype, shape=spec.shape)


def spec_of(message: pb.ModelMetadataResponse.TensorMetadata) -> TensorSpec:
    if message.datatype not in _DATATYPES:
        raise InvalidInput(f"tensor {message.name} is {message.datatype}, wanted one of {list(_DATATYPES)}")
    return TensorSpec(message.name, message.datatype, tuple(message.shape))


def infer_request(
    model: str, inputs: Sequence[tuple[TensorSpec, NDArray[Any]]], outputs: Sequence[str]
) -> pb.ModelInferRequest:
    """Asks `model` for `outputs` (all, if none is named), its inputs in the raw representation."""
    tensors = [
        pb.ModelInferRequest.InferInputTensor(name=spec.name, datatype=spec.datatype, shape=array.shape)
        for spec, array in inputs
    ]
    wanted = [pb.ModelInferRequest.InferRequestedOutputTensor(name=name) for name in outputs]
    raw = [_to_bytes(spec, array) for spec, array in inputs]
    return pb.ModelInferRequest(model_name=model, inputs=tensors, outputs=wanted, raw_input_contents=raw)


def infer_inputs(request: pb.ModelInferRequest, specs: Sequence[TensorSpec]) -> list[NDArray[Any]]:
    """The request's inputs, in the order of `specs`. Raises InvalidInput, saying what was expected."""
    return _decode(request.inputs, request.raw_input_contents, specs, "input")


def infer_response(
    request: pb.ModelInferRequest, version: str, outputs: Sequence[tuple[TensorSpec, NDArray[Any]]]
) -> pb.ModelInferResponse:
    tensors = [
        pb.ModelInferResponse.InferOutputTensor(name=spec.name, datatype=spec.datatype, shape=array.shape)
        for spec, array in outputs
    ]
    return pb.ModelInferResponse(
        model_name=request.model_name,
        model_version=version,
        id=request.id,
        outputs=tensors,
        raw_output_contents=[_to_bytes(spec, array) for spec, array in outputs],
    )


def infer_outputs(response: pb.ModelInferResponse, specs: Sequence[TensorSpec]) -> list[NDArray[Any]]:
    """The response's outputs, in the order of `specs`. Raises InvalidInput, saying what was expected."""
    return _decode(response.outputs, response.raw_output_contents, specs, "output")


def infer_output(response: pb.ModelInferResponse, spec: TensorSpec) -> NDArray[Any]:
    """One output, from a server that may send others beside it. Raises InvalidInput, saying what was expected."""
    names = [tensor.name for tensor in response.outputs]
    if spec.name not in names:
        raise InvalidInput(f"got outputs {names}, wanted {spec} among them")
    _check_raws(response.raw_output_contents, names, "output")
    index = names.index(spec.name)
    raw = response.raw_output_contents[index] if response.raw_output_contents else None
    return _decode_tensor(response.outputs[index], raw, spec)


def _to_bytes(spec: TensorSpec, array: NDArray[Any]) -> bytes:
    return np.ascontiguousarray(array, dtype=spec.dtype).tobytes()


def _decode(
    tensors: Sequence[Any], raws: Sequence[bytes], specs: Sequence[TensorSpec], kind: str
) -> list[NDArray[Any]]:
    got = [tensor.name for tensor in tensors[:MAX_LISTED]]
    by_name = {name: index for index, name in enumerate(got)}
    if len(tensors) != len(specs) or set(by_name) != {spec.name for spec in specs}:
        raise InvalidInput(f"got {kind}s {got}, wanted {'; '.join(map(str, specs))}, each once")
    _check_raws(raws, tensors, kind)
    arrays = []
    for spec in specs:
        index = by_name[spec.name]
        arrays.append(_decode_tensor(tensors[index], raws[index] if raws else None, spec))
    return arrays


def _check_raws(raws: Sequence[bytes], tensors: Sequence[Any], kind: str) -> None:
    if raws and len(raws) != len(tensors):
        raise InvalidInput(f"got {len(raws)} raw contents for {len(tensors)} {kind}s, wanted one for each, or none")


def _decode_tensor(tensor: Any, raw: bytes | None, spec: TensorSpec) -> NDArray[Any]:
    """The array of one tensor; a view of `raw`, not writable, when it was sent raw."""
    shape = tuple(tensor.shape[:MAX_LISTED])
    _check_form(tensor.datatype, shape, spec)
    size = math.prod(shape)
    if size * spec.dtype.itemsize > MAX_TENSOR_BYTES:
        raise InvalidInput(
            f"{spec.name} {list(shape)} has {size * spec.dtype.itemsize} bytes, wanted at most {MAX_TENSOR_BYTES}: "
            "send fewer examples at a time"
        )
    flat = _typed_contents(tensor, spec, size) if raw is None else _raw_contents(tensor, raw, spec, size)
    if flat.dtype.kind == "f" and not np.isfinite(flat).all():
        raise InvalidInput(f"{spec.name} has {(~np.isfinite(flat)).sum()} NaN or infinite elements, wanted none")
    return flat.reshape(shape)


def _check_form(datatype: str, shape: tuple[int, ...], spec: TensorSpec) -> None:
    fits = len(shape) == len(spec.shape) and all(
        1 <= got <= MAX_EXAMPLES if wanted == -1 else got == wanted
        for got, wanted in zip(shape, spec.shape, strict=True)
    )
    if datatype != spec.datatype or not fits:
        raise InvalidInput(
            f"got {spec.name} {datatype} {list(shape)}, wanted {spec}"
            + (f" with 1 to {MAX_EXAMPLES} for -1" if -1 in spec.shape else "")
        )


def _raw_contents(tensor: Any, raw: bytes, spec: TensorSpec, size: int) -> NDArray[Any]:
    if tensor.contents.ByteSize():  # an empty message is no contents: MLServer sends one beside its raw contents
        raise InvalidInput(f"{spec.name} has both raw and typed contents, wanted one of them")
    wanted = size * spec.dtype.itemsize
    if len(raw) != wanted:
        raise InvalidInput(f"{spec.name} has {len(raw)} raw bytes, wanted {wanted} for {list(tensor.shape)}")
    return np.frombuffer(raw, spec.dtype)


def _typed_contents(tensor: Any, spec: TensorSpec, size: int) -> NDArray[Any]:
    field = _DATATYPES[spec.datatype][1]
    values = getattr(tensor.contents, field)
    if len(values) != size:
        raise InvalidInput(f"{spec.name} has {len(values)} {field}, wanted {size} for {list(tensor.shape)}")
    try:
        return np.array(values, spec.dtype)
    except OverflowError as error:
        raise InvalidInput(f"{spec.name} has an element outside the range of {spec.datatype}: {error}") from error
