import numpy as np
import pytest
from google.protobuf.message import DecodeError

from leakdrill.errors import InvalidInput
from leakdrill.network.wire import (
    MAX_EXAMPLES,
    TensorSpec,
    infer_inputs,
    infer_output,
    infer_outputs,
    infer_request,
    infer_response,
    metadata,
    spec_of,
)
from leakdrill.pb import inference_pb2 as pb

IMAGE = TensorSpec("image", "UINT8", (-1, 2, 2, 3))
VECTOR = TensorSpec("vector", "FP32", (-1, 3))
LABEL = TensorSpec("label", "INT64", (-1,))
IMAGES = np.arange(24, dtype=np.uint8).reshape(2, 2, 2, 3)


def request(datatype: str, shape: list[int], raw: bytes, name: str = "image") -> pb.ModelInferRequest:
    tensor = pb.ModelInferRequest.InferInputTensor(name=name, datatype=datatype, shape=shape)
    return pb.ModelInferRequest(model_name="m", inputs=[tensor], raw_input_contents=[raw])


def test_a_request_carries_its_arrays_there() -> None:
    vectors = np.array([[0.5, -1, 3e38]], np.float32)
    sent = infer_request("m", [(IMAGE, IMAGES), (VECTOR, vectors)], ["scores"])
    vector, image = infer_inputs(pb.ModelInferRequest.FromString(sent.SerializeToString()), [VECTOR, IMAGE])
    np.testing.assert_array_equal(image, IMAGES)
    np.testing.assert_array_equal(vector, vectors)
    assert image.dtype == np.uint8
    assert vector.dtype == np.float32


def test_a_response_carries_its_arrays_back_in_order_and_with_the_id() -> None:
    scores, labels = np.array([[0.25, 0.5, 0.25]], np.float32), np.array([-(2**40)])
    asked = pb.ModelInferRequest(model_name="m", id="7")
    response = infer_response(asked, "1", [(LABEL, labels), (VECTOR, scores)])
    assert (response.id, response.model_name, response.model_version) == ("7", "m", "1")
    assert [tensor.name for tensor in response.outputs] == ["label", "vector"]
    got_scores, got_labels = infer_outputs(response, [VECTOR, LABEL])
    np.testing.assert_array_equal(got_scores, scores)
    np.testing.assert_array_equal(got_labels, labels)


def test_raw_contents_are_little_endian_whatever_the_array_was() -> None:
    big_endian = np.array([[1, 2, 3]], ">f4")
    sent = infer_request("m", [(VECTOR, big_endian)], [])
    assert sent.raw_input_contents[0] == np.array([1, 2, 3], "<f4").tobytes()


@pytest.mark.parametrize(
    ("spec", "field", "values"),
    [
        (TensorSpec("t", "UINT8", (-1, 3)), "uint_contents", [1, 2, 255]),
        (TensorSpec("t", "FP32", (-1, 3)), "fp32_contents", [0.5, -1.0, 2.0]),
        (TensorSpec("t", "INT64", (-1, 3)), "int64_contents", [1, -2, 2**40]),
    ],
)
def test_typed_contents_are_accepted(spec: TensorSpec, field: str, values: list[float]) -> None:
    contents = pb.InferTensorContents(**{field: values})
    tensor = pb.ModelInferRequest.InferInputTensor(name="t", datatype=spec.datatype, shape=[1, 3], contents=contents)
    (array,) = infer_inputs(pb.ModelInferRequest(inputs=[tensor]), [spec])
    assert array.tolist() == [values]
    assert array.dtype == spec.dtype


@pytest.mark.parametrize(
    ("shape", "raw_bytes"),
    [
        ([2, 2, 2], 24),  # rank
        ([2, 2, 3, 2], 24),  # channels first
        ([0, 2, 2, 3], 0),
        ([-1, 2, 2, 3], 24),
        ([-2, -2, -2, -3], 24),
        ([2**40, 2, 2, 3], 24),
        ([2**62, 2**62, 2**62, 3], 24),  # overflows int64
        ([MAX_EXAMPLES + 1, 2, 2, 3], (MAX_EXAMPLES + 1) * 12),
        ([], 0),
    ],
)
def test_a_wrong_shape_is_refused_with_the_expected_form(shape: list[int], raw_bytes: int) -> None:
    with pytest.raises(InvalidInput, match=r"wanted image UINT8 \[-1, 2, 2, 3\] with 1 to 4096 for -1"):
        infer_inputs(request("UINT8", shape, bytes(raw_bytes)), [IMAGE])


@pytest.mark.parametrize("datatype", ["FP32", "BYTES", "uint8", "", "FP64"])
def test_a_wrong_datatype_is_refused_with_the_expected_form(datatype: str) -> None:
    with pytest.raises(InvalidInput, match=r"wanted image UINT8"):
        infer_inputs(request(datatype, [2, 2, 2, 3], bytes(24)), [IMAGE])


@pytest.mark.parametrize("size", [0, 23, 25, 96])
def test_raw_bytes_that_do_not_fill_the_shape_are_refused(size: int) -> None:
    with pytest.raises(InvalidInput, match=f"{size} raw bytes, wanted 24"):
        infer_inputs(request("UINT8", [2, 2, 2, 3], bytes(size)), [IMAGE])


def test_a_tensor_that_is_too_large_is_refused() -> None:
    large = TensorSpec("image", "UINT8", (-1, 256, 256, 3))
    with pytest.raises(InvalidInput, match="402653184 bytes, wanted at most 33554432: send fewer"):
        infer_inputs(request("UINT8", [2048, 256, 256, 3], b""), [large])


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_floats_that_are_not_finite_are_refused(value: float) -> None:
    raw = np.array([1, value, 2], "<f4").tobytes()
    with pytest.raises(InvalidInput, match="1 NaN or infinite"):
        infer_inputs(request("FP32", [1, 3], raw, name="vector"), [VECTOR])


def test_a_missing_an_extra_or_a_repeated_input_is_refused() -> None:
    good = infer_request("m", [(IMAGE, IMAGES)], [])
    for names in ([], ["picture"], ["image", "image"], ["image", "mask"]):
        bad = pb.ModelInferRequest()
        for name in names:
            bad.inputs.append(good.inputs[0])
            bad.inputs[-1].name = name
            bad.raw_input_contents.append(good.raw_input_contents[0])
        with pytest.raises(InvalidInput, match=r"wanted image UINT8 \[-1, 2, 2, 3\], each once"):
            infer_inputs(bad, [IMAGE])


def test_raw_contents_for_only_some_inputs_are_refused() -> None:
    sent = infer_request("m", [(IMAGE, IMAGES), (VECTOR, np.zeros((1, 3), np.float32))], [])
    del sent.raw_input_contents[1]
    with pytest.raises(InvalidInput, match="1 raw contents for 2 inputs"):
        infer_inputs(sent, [IMAGE, VECTOR])


def test_contents_given_twice_too_few_or_out_of_range_are_refused() -> None:
    twice = infer_request("m", [(IMAGE, IMAGES)], [])
    twice.inputs[0].contents.uint_contents.extend([0] * 24)
    with pytest.raises(InvalidInput, match="both raw and typed"):
        infer_inputs(twice, [IMAGE])
    del twice.raw_input_contents[:]
    twice.inputs[0].contents.uint_contents[3] = 256
    with pytest.raises(InvalidInput, match="outside the range of UINT8"):
        infer_inputs(twice, [IMAGE])
    del twice.inputs[0].contents.uint_contents[5:]
    with pytest.raises(InvalidInput, match="5 uint_contents, wanted 24"):
        infer_inputs(twice, [IMAGE])


def test_random_requests_are_decoded_or_refused_and_nothing_else() -> None:
    draw = np.random.default_rng(0)
    good = infer_request("m", [(IMAGE, IMAGES)], ["scores"]).SerializeToString()
    outcomes = set()
    for _ in range(500):
        mangled = bytearray(good)
        for place in draw.integers(0, len(good), size=draw.integers(1, 4)):
            mangled[place] = draw.integers(0, 256)
        try:
            message = pb.ModelInferRequest.FromString(bytes(mangled))
        except DecodeError:
            continue
        try:
            (array,) = infer_inputs(message, [IMAGE])
            assert array.shape[1:] == (2, 2, 3)
            outcomes.add("decoded")
        except InvalidInput:
            outcomes.add("refused")
    assert outcomes == {"decoded", "refused"}


def test_metadata_tells_what_a_tensor_must_be() -> None:
    assert spec_of(metadata(IMAGE)) == IMAGE
    with pytest.raises(InvalidInput, match="BYTES"):
        spec_of(pb.ModelMetadataResponse.TensorMetadata(name="text", datatype="BYTES", shape=[-1]))


def test_one_output_is_read_among_others() -> None:
    request = pb.ModelInferRequest(model_name="source")
    took, scores = TensorSpec("took", "FP32", (1,)), TensorSpec("scores", "FP64", (2, 2))
    answer = np.array([[0.25, 0.75], [0.5, 0.5]])
    response = infer_response(request, "1", [(took, np.zeros(1)), (scores, answer)])
    np.testing.assert_array_equal(infer_output(response, scores), answer)
    with pytest.raises(InvalidInput, match=r"got outputs \['took', 'scores'\], wanted label"):
        infer_output(response, TensorSpec("label", "INT64", (2,)))
    response.raw_output_contents.pop()
    with pytest.raises(InvalidInput, match="1 raw contents for 2 outputs"):
        infer_output(response, scores)


def test_an_empty_message_of_contents_beside_raw_ones_is_none() -> None:
    spec = TensorSpec("scores", "FP32", (1,))
    response = infer_response(pb.ModelInferRequest(model_name="source"), "1", [(spec, np.ones(1))])
    response.outputs[0].contents.SetInParent()
    assert infer_outputs(response, [spec])[0].tolist() == [1]
