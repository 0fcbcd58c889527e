"""A public predict API for each test, and its callers."""

from collections.abc import Iterator

import pytest
from predict_api import PredictApi, party_credentials, predict_api

from leakdrill.network.identity import Credentials
from leakdrill.network.rpc import connect
from leakdrill.pb.inference_pb2_grpc import GRPCInferenceServiceStub


@pytest.fixture(scope="module")
def credentials(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Credentials]:
    return party_credentials(tmp_path_factory.mktemp("credentials"), "referee", "cbig", "csmall", "adversary")


@pytest.fixture
def api(credentials: dict[str, Credentials]) -> Iterator[PredictApi]:
    with predict_api(credentials["cbig"]) as api:
        yield api


@pytest.fixture
def stub(api: PredictApi, credentials: dict[str, Credentials]) -> Iterator[GRPCInferenceServiceStub]:
    """The adversary's."""
    with connect(api.address, credentials["adversary"], "cbig") as channel:
        yield GRPCInferenceServiceStub(channel)
