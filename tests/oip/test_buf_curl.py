"""`buf curl` against our servers: it knows nothing but what reflection tells it."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from clients import buf_curl
from predict_api import party_credentials, predict_api

SERVICE = "inference.GRPCInferenceService"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("buf")


@pytest.fixture(scope="module")
def address(folder: Path) -> Iterator[str]:
    with predict_api(party_credentials(folder, "cbig", "adversary", "csmall")["cbig"]) as api:
        yield api.address


@pytest.mark.parametrize("reflection", ["grpc-v1", "grpc-v1alpha"])
def test_it_lists_the_services_by_reflection(address: str, folder: Path, reflection: str) -> None:
    options = ("--list-services", "--reflect-protocol", reflection)
    listed = buf_curl(folder / "adversary", address, *options, scratch=folder)
    assert listed.split() == ["grpc.health.v1.Health", "grpc.reflection.v1alpha.ServerReflection", SERVICE]


def test_it_lists_the_methods(address: str, folder: Path) -> None:
    listed = buf_curl(folder / "adversary", address, "--list-methods", scratch=folder).split()
    assert {f"{SERVICE}/ModelInfer", f"{SERVICE}/ModelMetadata", "grpc.health.v1.Health/Check"} <= set(listed)


def test_it_calls_methods_by_what_reflection_told(address: str, folder: Path) -> None:
    url = f"{address}/{SERVICE}"
    assert json.loads(buf_curl(folder / "adversary", f"{url}/ServerMetadata", scratch=folder))["name"] == "cbig"
    described = buf_curl(folder / "adversary", f"{url}/ModelMetadata", "-d", '{"name": "source"}', scratch=folder)
    assert [output["name"] for output in json.loads(described)["outputs"]] == ["scores", "label"]


def test_it_is_told_that_there_is_no_such_model(address: str, folder: Path) -> None:
    with pytest.raises(subprocess.CalledProcessError) as caught:
        buf_curl(folder / "adversary", f"{address}/{SERVICE}/ModelMetadata", "-d", '{"name": "other"}', scratch=folder)
    answer = json.loads(caught.value.stderr)
    assert answer == {"code": "not_found", "message": "no model 'other': cbig serves ['source'], version 1"}


def test_reflection_is_refused_to_whom_the_policy_does_not_grant_it(address: str, folder: Path) -> None:
    with pytest.raises(subprocess.CalledProcessError) as caught:
        buf_curl(folder / "csmall", address, "--list-services", scratch=folder)
    assert "csmall may not call /grpc.reflection.v1.ServerReflection" in caught.value.stderr
