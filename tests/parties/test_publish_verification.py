"""Verification over real servers: what pairs and handles give, who may use whose, and what each costs."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import grpc
import numpy as np
import pytest
from guarded import refusal
from numpy.typing import NDArray
from predict_api import IMAGE_SIZE, PredictApi, photos, predict_api
from torch import nn

from leakdrill.archs import build, cut
from leakdrill.archs.small_cnn import SmallCnn
from leakdrill.data.forms import ImageForm
from leakdrill.defences import OutputNoise, guard_faces
from leakdrill.errors import BudgetExhausted, NotFound
from leakdrill.models.embedding import embed
from leakdrill.models.verification import distances
from leakdrill.network.identity import Credentials
from leakdrill.network.rpc import connect
from leakdrill.network.wire import TensorSpec, infer_request
from leakdrill.oracles.remote_pairs import RemotePairs
from leakdrill.parties.publish_verification import Verifier, publish_verification
from leakdrill.pb.inference_pb2_grpc import GRPCInferenceServiceStub

FIRST, SECOND = np.triu_indices(20, k=1)
THRESHOLD = 0.4


@pytest.fixture(scope="module")
def feature_extractor() -> nn.Module:
    return cut(build(SmallCnn(width=8), 3))[0]


@dataclass
class Service:
    api: PredictApi
    feature_extractor: nn.Module
    credentials: dict[str, Credentials]

    def publish(self, *outputs: Any, **changes: Any) -> None:
        settings: dict[str, Any] = {"metric": "euclidean", "threshold": THRESHOLD, "secret": 5} | changes
        verifier = Verifier(self.feature_extractor, ImageForm(IMAGE_SIZE), **settings)
        self.api.models.update(publish_verification(verifier, outputs or ("distance", "same")))

    def asked_by(self, caller: str, scope: str = "") -> RemotePairs:
        return RemotePairs("cbig/verification", self.api.address, self.credentials[caller], scope)

    def spent(self, caller: str = "adversary") -> dict[str, int]:
        totals: dict[str, int] = {}
        for (who, model, _), count in self.api.ledger.counts().items():
            if who == caller:
                totals[model] = totals.get(model, 0) + count
        return totals


@pytest.fixture
def service(feature_extractor: nn.Module, credentials: dict[str, Credentials]) -> Iterator[Service]:
    with predict_api(credentials["cbig"]) as api:
        service = Service(api, feature_extractor, credentials)
        service.publish()
        yield service


@pytest.fixture
def oracle(service: Service) -> Iterator[RemotePairs]:
    with service.asked_by("adversary") as oracle:
        yield oracle


def apart(feature_extractor: nn.Module, images: NDArray[np.uint8]) -> NDArray[np.float32]:
    embeddings = embed(feature_extractor, images)
    return distances(embeddings[FIRST], embeddings[SECOND], "euclidean")


def test_both_forms_give_the_distances_of_embeddings_bit_for_bit_and_the_decision(
    service: Service, oracle: RemotePairs
) -> None:
    images = photos(20)
    wanted = apart(service.feature_extractor, images)
    assert wanted.min() < THRESHOLD < wanted.max()
    assert oracle.distances(images[FIRST], images[SECOND]).tobytes() == wanted.tobytes()
    handles = oracle.enrol(images)
    assert oracle.distances_of(handles[FIRST], handles[SECOND]).tobytes() == wanted.tobytes()
    for same in (
        oracle.distances(images[FIRST], images[SECOND], "same"),
        oracle.distances_of(handles[FIRST], handles[SECOND], "same"),
    ):
        assert (same == (wanted <= THRESHOLD)).all()


def test_the_metric_and_the_outputs_are_the_scenarios_choice(service: Service) -> None:
    service.publish("distance", metric="cosine")
    images = photos(20)
    embeddings = embed(service.feature_extractor, images)
    with service.asked_by("adversary") as oracle:
        got = oracle.distances(images[FIRST], images[SECOND])
        assert (got == distances(embeddings[FIRST], embeddings[SECOND], "cosine")).all()
        assert oracle.outputs == {"distance"}
        with pytest.raises(NotFound, match="does not give 'same'"):
            oracle.distances(images[FIRST], images[SECOND], "same")


def test_pairs_are_counted_on_one_account_and_images_enrolled_on_another(service: Service, oracle: RemotePairs) -> None:
    service.api.ledger.open("drill", budget=200)
    images = photos(20)
    handles = oracle.enrol(images)
    oracle.distances_of(handles[FIRST], handles[SECOND])  # 190 pairs
    assert service.spent() == {"enrolment": 20, "verification": 190}
    with pytest.raises(BudgetExhausted, match="asked for 11 queries of verification, 10 left of 200"):
        oracle.distances(images[:11], images[:11])
    oracle.distances(images[:10], images[:10])
    assert service.spent() == {"enrolment": 20, "verification": 200}
    with pytest.raises(BudgetExhausted):
        oracle.distances_of(handles[:1], handles[:1])


def test_a_question_asked_again_in_its_scope_is_paid_once_handles_and_all(service: Service) -> None:
    images = photos(20)
    answers = []
    for _ in range(2):
        with service.asked_by("adversary", scope="drill/attack/0") as oracle:
            handles = oracle.enrol(images)
            answers.append(oracle.distances_of(handles[FIRST], handles[SECOND]))
    assert answers[0].tobytes() == answers[1].tobytes()
    assert service.spent() == {"enrolment": 20, "verification": 190}


def test_a_handle_is_of_use_to_nobody_else_and_refused_free_of_charge(service: Service, oracle: RemotePairs) -> None:
    handles = oracle.enrol(photos(3))
    with (
        service.asked_by("referee") as other,
        pytest.raises(NotFound, match=r"no face \d+ of yours is enrolled here \(3 of 3 are unknown\): enrol the image"),
    ):
        other.distances_of(handles, handles)
    with pytest.raises(NotFound, match="no face 7 of yours"):
        oracle.distances_of(handles, np.array([handles[0], 7, handles[1]]))
    assert service.spent() == {"enrolment": 3}
    assert service.spent("referee") == {}


def test_faces_are_forgotten_when_the_models_are_published_anew(service: Service, oracle: RemotePairs) -> None:
    handles = oracle.enrol(photos(3))
    service.api.models.clear()
    service.publish()
    with pytest.raises(NotFound, match="enrol the image again"):
        oracle.distances_of(handles, handles)
    assert (oracle.enrol(photos(3)) == handles).all()
    assert (oracle.distances_of(handles, handles) == 0).all()


def test_a_defended_distance_is_the_same_in_either_form_and_order_and_the_decision_follows_it(
    service: Service,
) -> None:
    service.publish(guard=guard_faces([OutputNoise(eta=0.5)], "distance", seed=1))
    images = photos(20)
    with service.asked_by("adversary") as oracle:
        handles = oracle.enrol(images)
        noisy = oracle.distances_of(handles[FIRST], handles[SECOND])
        assert np.abs(noisy / apart(service.feature_extractor, images) - 1).mean() > 0.1
        assert (oracle.distances(images[SECOND], images[FIRST]) == noisy).all()
        assert (oracle.distances_of(handles[SECOND], handles[FIRST], "same") == (noisy <= THRESHOLD)).all()


def test_fresh_noise_on_a_distance_is_another_at_every_question_in_either_form(service: Service) -> None:
    service.publish(guard=guard_faces([OutputNoise(eta=0.5, fresh=True)], "distance", seed=1))
    images = photos(20)
    with service.asked_by("adversary") as oracle:
        handles = oracle.enrol(images)
        asked = [oracle.distances_of(handles[FIRST], handles[SECOND]) for _ in range(2)]
        asked.append(oracle.distances(images[FIRST], images[SECOND]))
    assert len({answer.tobytes() for answer in asked}) == 3


def test_pairs_that_do_not_match_up_are_refused_free_of_charge(service: Service) -> None:
    specs = [TensorSpec(name, "UINT8", (-1, IMAGE_SIZE, IMAGE_SIZE, 3)) for name in ("first", "second")]
    uneven = infer_request("verification", list(zip(specs, (photos(2), photos(3)), strict=True)), [])
    alone = infer_request("verification", [(specs[0], photos(2))], [])
    negative = infer_request(
        "verification_enrolled",
        [(TensorSpec(name, "INT64", (-1,)), np.array([-1])) for name in ("first", "second")],
        [],
    )
    with connect(service.api.address, service.credentials["adversary"], "cbig") as channel:
        stub = GRPCInferenceServiceStub(channel)
        assert refusal(stub.ModelInfer, uneven) == (
            "INVALID_ARGUMENT",
            "got 2 first, 3 second, wanted as many of each: verification takes them row by row together",
        )
        assert "wanted first UINT8 [-1, 8, 8, 3]; second UINT8" in refusal(stub.ModelInfer, alone)[1]
        assert refusal(stub.ModelInfer, negative)[0] == grpc.StatusCode.NOT_FOUND.name
    assert service.spent() == {}


def test_each_form_describes_itself(service: Service) -> None:
    described = {
        name: (
            [f"{spec.name} {spec.datatype} {list(spec.shape)}" for spec in model.inputs],
            [str(model.output_spec(output)) for output in model.outputs],
        )
        for name, model in service.api.models.items()
        if name != "source"
    }
    answers = ["distance FP32 [-1]", "same INT64 [-1]"]
    assert described == {
        "verification": (["first UINT8 [-1, 8, 8, 3]", "second UINT8 [-1, 8, 8, 3]"], answers),
        "enrolment": (["image UINT8 [-1, 8, 8, 3]"], ["face INT64 [-1]"]),
        "verification_enrolled": (["first INT64 [-1]", "second INT64 [-1]"], answers),
    }
