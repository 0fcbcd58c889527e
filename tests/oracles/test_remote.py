from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
import torch
from predict_api import IMAGE_SIZE, PredictApi, party_credentials, photos, predict_api

from leakdrill.archs import SmallCnn, build
from leakdrill.data.forms import ImageForm
from leakdrill.errors import AccessDenied, BudgetExhausted, InvalidInput, NotFound, NotReady, PartyUnavailable
from leakdrill.models.training import predict
from leakdrill.network.identity import Credentials
from leakdrill.network.rpc import connect
from leakdrill.oracles import remote
from leakdrill.oracles.remote import RemoteOracle
from leakdrill.parties.publish import publish
from leakdrill.pb import inference_pb2 as pb
from leakdrill.pb.inference_pb2_grpc import GRPCInferenceServiceStub


@pytest.fixture(scope="module")
def credentials(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Credentials]:
    return party_credentials(tmp_path_factory.mktemp("credentials"), "referee", "cbig", "csmall", "adversary")


@pytest.fixture
def api(credentials: dict[str, Credentials]) -> Iterator[PredictApi]:
    with predict_api(credentials["cbig"]) as api:
        yield api


@pytest.fixture
def oracle(api: PredictApi, credentials: dict[str, Credentials]) -> Iterator[RemoteOracle]:
    with RemoteOracle("cbig/source", api.address, credentials["adversary"], batch_size=16) as oracle:
        yield oracle


def test_an_oracle_knows_what_the_api_gives(oracle: RemoteOracle) -> None:
    assert oracle.name == "cbig/source"
    assert oracle.outputs == {"scores", "label"}
    assert oracle.num_classes == 4


@pytest.mark.parametrize("num_examples", [1, 15, 16, 17, 150])
def test_answers_keep_the_order_of_the_inputs(oracle: RemoteOracle, api: PredictApi, num_examples: int) -> None:
    images = photos(num_examples)
    local = PredictApi().predict([images], frozenset(["scores", "label"]))
    scores, labels = oracle.query(images), oracle.query(images, "label")
    np.testing.assert_array_equal(scores, local["scores"])
    np.testing.assert_array_equal(labels, local["label"])
    assert scores.dtype == labels.dtype == np.float32
    assert api.ledger.counts() == {
        ("adversary", "source", "scores"): num_examples,
        ("adversary", "source", "label"): num_examples,
    }


def test_nothing_asked_is_nothing_sent(oracle: RemoteOracle, api: PredictApi) -> None:
    assert oracle.query(photos(0)).shape == (0, 4)
    assert oracle.query(photos(0), "label").shape == (0,)
    assert api.ledger.counts() == {}


def test_inputs_need_not_be_contiguous(oracle: RemoteOracle) -> None:
    images = photos(20)
    np.testing.assert_array_equal(oracle.query(images[::-2]), oracle.query(images)[::-2])


def test_an_output_that_is_not_offered_is_not_found_and_not_charged(oracle: RemoteOracle, api: PredictApi) -> None:
    with pytest.raises(NotFound, match=r"cbig/source does not give 'logits': it gives \['label', 'scores'\]"):
        oracle.query(photos(1), "logits")
    assert api.ledger.counts() == {}


def test_a_budget_that_ends_midway_is_an_error_and_never_overdrawn(oracle: RemoteOracle, api: PredictApi) -> None:
    api.ledger.open("drill", budget=40)
    with pytest.raises(BudgetExhausted, match="cbig: asked for 16 queries of source, 8 left of 40"):
        oracle.query(photos(160))
    assert sum(api.ledger.counts().values()) <= 40


def test_images_of_another_size_are_refused_in_the_partys_words(oracle: RemoteOracle) -> None:
    with pytest.raises(InvalidInput, match=r"cbig: got image UINT8 \[2, 4, 4, 3\], wanted image UINT8 \[-1, 8, 8, 3\]"):
        oracle.query(np.zeros((2, 4, 4, 3), np.uint8))


def test_an_api_of_labels_alone_does_not_tell_how_many_classes(
    api: PredictApi, credentials: dict[str, Credentials]
) -> None:
    api.publish("label")
    with RemoteOracle("cbig/source", api.address, credentials["adversary"]) as oracle:
        assert oracle.outputs == {"label"}
        assert oracle.num_classes == 0


def test_what_is_wrong_at_the_other_end_is_said_at_once(api: PredictApi, credentials: dict[str, Credentials]) -> None:
    own = credentials["adversary"]
    with pytest.raises(NotFound, match="cbig: no model 'sauce'"):
        RemoteOracle("cbig/sauce", api.address, own)
    with pytest.raises(PartyUnavailable, match="csmall"):
        RemoteOracle("csmall/source", api.address, own)
    api.models.clear()
    with pytest.raises(NotReady, match="cbig serves no model yet"):
        RemoteOracle("cbig/source", api.address, own)
    api.guard.state = "setup"
    with pytest.raises(AccessDenied, match="adversary may not call"):
        RemoteOracle("cbig/source", api.address, own)


def test_what_cannot_be_asked_leaves_no_channel_open(
    api: PredictApi, credentials: dict[str, Credentials], monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[Any] = []

    def connecting(*arguments: Any) -> Any:
        opened.append(connect(*arguments))
        return opened[-1]

    monkeypatch.setattr(remote, "connect", connecting)
    with pytest.raises(NotFound):
        RemoteOracle("cbig/sauce", api.address, credentials["adversary"])
    (channel,) = opened
    with pytest.raises(ValueError, match="closed channel"):
        GRPCInferenceServiceStub(channel).ServerLive(pb.ServerLiveRequest())


def test_a_real_models_answers_are_the_same_bits_however_its_callers_are_batched(
    api: PredictApi, credentials: dict[str, Credentials]
) -> None:
    torch.set_num_threads(1)
    model = build(SmallCnn(), num_classes=5).eval()
    api.models["source"] = publish("source", model, 5, ImageForm(IMAGE_SIZE), ["logits"])
    images = photos(100)
    alone = predict(model, images)

    def query(batch_size: int) -> bool:
        with RemoteOracle("cbig/source", api.address, credentials["adversary"], batch_size) as oracle:
            return np.array_equal(oracle.query(images, "logits"), alone)

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(query, [100, 33, 7, 64]))
