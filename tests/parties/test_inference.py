from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import numpy as np
import pytest
from numpy.typing import NDArray
from predict_api import IMAGE_SIZE, PredictApi, photos

from leakdrill.network.identity import Credentials
from leakdrill.network.rpc import connect
from leakdrill.network.wire import MAX_EXAMPLES, TensorSpec, infer_outputs, infer_request
from leakdrill.oracles.oracle import Output
from leakdrill.pb import inference_pb2 as pb
from leakdrill.pb.inference_pb2_grpc import GRPCInferenceServiceStub

IMAGE = TensorSpec("image", "UINT8", (-1, IMAGE_SIZE, IMAGE_SIZE, 3))
SCORES = TensorSpec("scores", "FP32", (-1, 4))
LABEL = TensorSpec("label", "INT64", (-1,))


def request(images: NDArray[Any], *outputs: str, model: str = "source") -> pb.ModelInferRequest:
    return infer_request(model, [(IMAGE, images)], outputs)


def refusal(call: Any, *arguments: Any) -> tuple[str, str]:
    with pytest.raises(grpc.RpcError) as caught:
        call(*arguments)
    return caught.value.code().name, caught.value.details()


def expected(api: PredictApi, images: NDArray[np.uint8], output: Output) -> NDArray[Any]:
    return PredictApi.predict(PredictApi(), [images], frozenset([output]))[output]


def test_metadata_says_what_goes_in_and_what_comes_out(stub: GRPCInferenceServiceStub) -> None:
    described = stub.ModelMetadata(pb.ModelMetadataRequest(name="source"))
    assert [(t.name, t.datatype, list(t.shape)) for t in described.inputs] == [("image", "UINT8", [-1, 8, 8, 3])]
    assert [(t.name, t.datatype, list(t.shape)) for t in described.outputs] == [
        ("scores", "FP32", [-1, 4]),
        ("label", "INT64", [-1]),
    ]
    assert described.versions == ["1"]
    assert stub.ServerMetadata(pb.ServerMetadataRequest()).name == "cbig"


def test_readiness_follows_the_models(stub: GRPCInferenceServiceStub, api: PredictApi) -> None:
    def ready(name: str) -> bool:
        return stub.ModelReady(pb.ModelReadyRequest(name=name)).ready

    assert stub.ServerLive(pb.ServerLiveRequest()).live
    assert stub.ServerReady(pb.ServerReadyRequest()).ready
    assert (ready("source"), ready("other")) == (True, False)
    api.models.clear()
    assert stub.ServerLive(pb.ServerLiveRequest()).live
    assert not stub.ServerReady(pb.ServerReadyRequest()).ready
    assert not ready("source")


def test_outputs_come_in_the_order_asked_for(stub: GRPCInferenceServiceStub, api: PredictApi) -> None:
    images = photos(5)
    response = stub.ModelInfer(request(images, "label", "scores"))
    assert [tensor.name for tensor in response.outputs] == ["label", "scores"]
    labels, scores = infer_outputs(response, [LABEL, SCORES])
    np.testing.assert_array_equal(scores, expected(api, images, "scores"))
    np.testing.assert_array_equal(labels, expected(api, images, "label"))


def test_all_outputs_come_when_none_is_named_and_one_when_one_is(stub: GRPCInferenceServiceStub) -> None:
    assert [tensor.name for tensor in stub.ModelInfer(request(photos(2))).outputs] == ["scores", "label"]
    assert [tensor.name for tensor in stub.ModelInfer(request(photos(2), "label")).outputs] == ["label"]


def test_every_example_is_charged_once_however_many_outputs(stub: GRPCInferenceServiceStub, api: PredictApi) -> None:
    stub.ModelInfer(request(photos(5), "scores"))
    stub.ModelInfer(request(photos(3), "scores", "label"))
    assert api.ledger.counts() == {("adversary", "source", "scores"): 5, ("adversary", "source", "label+scores"): 3}


def test_an_exhausted_budget_costs_neither_queries_nor_computation(
    stub: GRPCInferenceServiceStub, api: PredictApi, credentials: dict[str, Credentials]
) -> None:
    api.ledger.open("drill", budget=10)
    status, message = refusal(stub.ModelInfer, request(photos(11)))
    assert status == "RESOURCE_EXHAUSTED"
    assert message.startswith("asked for 11 queries of source, 10 left of 10")
    assert api.calls == []
    stub.ModelInfer(request(photos(10)))
    assert refusal(stub.ModelInfer, request(photos(1)))[0] == "RESOURCE_EXHAUSTED"
    with connect(api.address, credentials["referee"], "cbig") as channel:
        GRPCInferenceServiceStub(channel).ModelInfer(request(photos(20)))
    assert sum(api.ledger.counts().values()) == 30


@pytest.mark.parametrize(
    ("datatype", "shape", "size", "says"),
    [
        ("FP32", [1, 8, 8, 3], 768, "got image FP32"),
        ("UINT8", [8, 8, 3], 192, "wanted image UINT8 [-1, 8, 8, 3]"),
        ("UINT8", [1, 3, 8, 8], 192, "wanted image UINT8 [-1, 8, 8, 3]"),
        ("UINT8", [1, 8, 8, 3], 191, "191 raw bytes, wanted 192"),
        ("UINT8", [0, 8, 8, 3], 0, "with 1 to 4096 for -1"),
        ("UINT8", [-1, 8, 8, 3], 192, "with 1 to 4096 for -1"),
        ("UINT8", [2**40, 8, 8, 3], 192, "with 1 to 4096 for -1"),
        ("UINT8", [MAX_EXAMPLES + 1, 8, 8, 3], (MAX_EXAMPLES + 1) * 192, "with 1 to 4096 for -1"),
        ("UINT8", [8, 8, 8, 3], 33 << 20, "34603008 raw bytes, wanted 1536"),
    ],
)
def test_a_malformed_tensor_is_refused_with_the_expected_form_and_free_of_charge(
    stub: GRPCInferenceServiceStub, api: PredictApi, datatype: str, shape: list[int], size: int, says: str
) -> None:
    tensor = pb.ModelInferRequest.InferInputTensor(name="image", datatype=datatype, shape=shape)
    bad = pb.ModelInferRequest(model_name="source", inputs=[tensor], raw_input_contents=[bytes(size)])
    status, message = refusal(stub.ModelInfer, bad)
    assert status == "INVALID_ARGUMENT"
    assert says in message
    assert api.ledger.counts() == {}
    assert api.calls == []


@pytest.mark.parametrize("outputs", [["embedding"], ["scores", "scores"], ["Scores"], [""]])
def test_outputs_that_are_not_offered_are_refused(
    stub: GRPCInferenceServiceStub, api: PredictApi, outputs: list[str]
) -> None:
    status, message = refusal(stub.ModelInfer, request(photos(1), *outputs))
    assert status == "INVALID_ARGUMENT"
    assert "source gives ['label', 'scores']" in message
    assert api.ledger.counts() == {}


def test_an_extension_that_is_not_supported_is_refused_rather_than_ignored(stub: GRPCInferenceServiceStub) -> None:
    asked = request(photos(1), "scores")
    asked.outputs[0].parameters["classification"].int64_param = 2
    status, message = refusal(stub.ModelInfer, asked)
    assert status == "INVALID_ARGUMENT"
    assert "asked for outputs with ['classification'], wanted no parameters" in message


def test_a_method_that_other_servers_of_the_protocol_have_is_denied(
    api: PredictApi, credentials: dict[str, Credentials]
) -> None:
    path = "/inference.GRPCInferenceService/RepositoryModelLoad"
    with connect(api.address, credentials["adversary"], "cbig") as channel:
        status, message = refusal(channel.unary_unary(path), b"")
    assert (status, message) == ("PERMISSION_DENIED", f"adversary may not call {path}: there is no such method")


def test_an_unknown_model_or_version_is_not_found(stub: GRPCInferenceServiceStub) -> None:
    status, message = refusal(stub.ModelInfer, request(photos(1), model="sauce"))
    assert (status, message) == ("NOT_FOUND", "no model 'sauce': cbig serves ['source'], version 1")
    assert refusal(stub.ModelMetadata, pb.ModelMetadataRequest(name="source", version="2"))[0] == "NOT_FOUND"


@pytest.mark.parametrize("name", ["A" * 1_000_000, "\N{GRINNING FACE}" * 100_000])
def test_a_refusal_quotes_no_more_than_a_status_can_carry(stub: GRPCInferenceServiceStub, name: str) -> None:
    status, message = refusal(stub.ModelInfer, request(photos(1), model=name))
    assert status == "NOT_FOUND"
    assert message.startswith(f"no model '{name[:100]}")
    assert len(message) < 1000


def test_of_millions_of_tensors_dimensions_or_outputs_only_the_first_are_named(
    stub: GRPCInferenceServiceStub, api: PredictApi
) -> None:
    inputs, shape, outputs = (request(photos(1), "scores") for _ in range(3))
    inputs.MergeFrom(pb.ModelInferRequest(inputs=[inputs.inputs[0]] * 100_000))
    shape.inputs[0].shape.extend([1] * 1_000_000)
    outputs.MergeFrom(pb.ModelInferRequest(outputs=[outputs.outputs[0]] * 100_000))
    for asked in (inputs, shape, outputs):
        status, message = refusal(stub.ModelInfer, asked)
        assert status == "INVALID_ARGUMENT"
        assert len(message) < 500
    assert api.ledger.counts() == {}


def test_a_party_without_models_says_so(stub: GRPCInferenceServiceStub, api: PredictApi) -> None:
    api.models.clear()
    for call, message in ((stub.ModelInfer, request(photos(1))), (stub.ModelMetadata, pb.ModelMetadataRequest())):
        assert refusal(call, message)[0] == "FAILED_PRECONDITION"


def test_public_apis_are_shut_during_setup(stub: GRPCInferenceServiceStub, api: PredictApi) -> None:
    api.guard.state = "setup"
    assert refusal(stub.ModelInfer, request(photos(1)))[0] == "PERMISSION_DENIED"
    assert refusal(stub.ServerLive, pb.ServerLiveRequest())[0] == "PERMISSION_DENIED"


def test_a_model_published_again_answers_from_then_on(stub: GRPCInferenceServiceStub, api: PredictApi) -> None:
    stub.ModelInfer(request(photos(1)))
    api.publish("embedding")
    assert [tensor.name for tensor in stub.ModelInfer(request(photos(1))).outputs] == ["embedding"]


def test_concurrent_callers_get_their_own_answers(stub: GRPCInferenceServiceStub, api: PredictApi) -> None:
    batches = [photos(number % 7 + 1, seed=number) for number in range(60)]
    with ThreadPoolExecutor(8) as pool:
        responses = list(pool.map(lambda images: stub.ModelInfer(request(images, "scores")), batches))
    for images, response in zip(batches, responses, strict=True):
        (scores,) = infer_outputs(response, [SCORES])
        np.testing.assert_array_equal(scores, expected(api, images, "scores"))
    assert sum(api.calls) == sum(api.ledger.counts().values()) == sum(map(len, batches))
