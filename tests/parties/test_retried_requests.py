"""Requests that come again under their idempotency key, against a real server: what they cost, and what they get."""

from typing import Any

import grpc
import pytest
from numpy.typing import NDArray
from predict_api import IMAGE_SIZE, PredictApi, photos

from leakdrill.network.identity import Credentials
from leakdrill.network.rpc import connect
from leakdrill.network.wire import TensorSpec, infer_request
from leakdrill.pb import inference_pb2 as pb
from leakdrill.pb.inference_pb2_grpc import GRPCInferenceServiceStub

IMAGE = TensorSpec("image", "UINT8", (-1, IMAGE_SIZE, IMAGE_SIZE, 3))
SCORES = ("adversary", "source", "scores")
WAIT_SECONDS = 60.0  # before a test gives up


def infer(stub: GRPCInferenceServiceStub, images: NDArray[Any], *keys: str) -> pb.ModelInferResponse:
    request = infer_request("source", [(IMAGE, images)], ["scores"])
    return stub.ModelInfer(request, metadata=[("idempotency-key", key) for key in keys], timeout=WAIT_SECONDS)


def refusal(stub: GRPCInferenceServiceStub, images: NDArray[Any], *keys: str) -> tuple[str, str]:
    with pytest.raises(grpc.RpcError) as caught:
        infer(stub, images, *keys)
    return caught.value.code().name, caught.value.details()


def test_a_key_with_other_content_is_refused_and_costs_nothing(stub: GRPCInferenceServiceStub, api: PredictApi) -> None:
    infer(stub, photos(3), "k")
    for other in (photos(3, seed=1), photos(2)):
        status, message = refusal(stub, other, "k")
        assert status == "INVALID_ARGUMENT"
        assert message.startswith("idempotency key 'k' came before with another request")
    assert api.ledger.counts() == {SCORES: 3}


def test_a_request_that_comes_again_under_its_key_gets_the_same_reply(
    stub: GRPCInferenceServiceStub, api: PredictApi
) -> None:
    assert infer(stub, photos(3), "k") == infer(stub, photos(3), "k")
    assert api.calls == [3]


def test_keys_of_two_callers_do_not_collide(
    stub: GRPCInferenceServiceStub, api: PredictApi, credentials: dict[str, Credentials]
) -> None:
    infer(stub, photos(3), "k")
    with connect(api.address, credentials["referee"], "cbig") as channel:
        theirs = infer(GRPCInferenceServiceStub(channel), photos(2, seed=1), "k")
    assert theirs.outputs[0].shape == [2, 4]
    assert api.ledger.counts() == {SCORES: 3, ("referee", "source", "scores"): 2}


@pytest.mark.parametrize("keys", [("",), ("k" * 129,), ("one", "two")])
def test_a_malformed_key_is_refused_and_costs_nothing(
    stub: GRPCInferenceServiceStub, api: PredictApi, keys: tuple[str, ...]
) -> None:
    status, message = refusal(stub, photos(1), *keys)
    assert status == "INVALID_ARGUMENT"
    assert "wanted one of 1 to 128 characters" in message
    assert api.ledger.counts() == {}


def test_a_refused_batch_costs_nothing_says_what_is_left_and_leaves_its_key_free(
    stub: GRPCInferenceServiceStub, api: PredictApi
) -> None:
    api.ledger.open("run", budget=10)
    assert refusal(stub, photos(11), "k") == (
        "RESOURCE_EXHAUSTED",
        "asked for 11 queries of source, 10 left of 10: ask about fewer examples, or raise the scenario's query_budget",
    )
    infer(stub, photos(9), "k")
    assert refusal(stub, photos(2), "other")[1].startswith("asked for 2 queries of source, 1 left of 10")
    assert api.ledger.left("adversary", "source") == 1
