"""The engine, the image and the running parties, made once for all tests here."""

import os
import subprocess
import uuid
from collections.abc import Iterator

import base_image
import pytest
import yaml
from deployment import BASE_IMAGE, PARTIES, Deployment, why_no_engine
from small import SMALL

EXPECTATIONS = {"met": "gap.auc > 0.05", "not_met": "gap.auc > 0.995"}


@pytest.fixture(scope="session")
def engine() -> None:
    """Skips, saying why, unless containers were asked for and can be run."""
    if not os.environ.get("LEAKDRILL_TEST_COMPOSE"):
        pytest.skip("containers were not asked for: make test-compose")
    if reason := why_no_engine():
        pytest.skip(f"NO CONTAINERS TESTED: {reason}")
    if subprocess.run(["docker", "image", "inspect", BASE_IMAGE], capture_output=True, check=False).returncode:
        base_image.make(BASE_IMAGE)


@pytest.fixture(scope="session")
def deployment(engine: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """Built, not up."""
    scenarios = {
        name: yaml.safe_dump(SMALL | {"expect": [{"claim": name, "that": that}], "split_key": "0" * 32})
        for name, that in EXPECTATIONS.items()
    }
    # up to the gap attack, which announces no queries: others would be refused before anything starts
    broken = {"timeline": SMALL["timeline"][:4], "adversary": {"query_budget": 10, "workers": 1}}
    scenarios["broken"] = yaml.safe_dump(SMALL | broken)
    directory = tmp_path_factory.mktemp("checkout")
    deployment = Deployment.create(directory, f"leakdrill-test-{uuid.uuid4().hex[:8]}", scenarios)
    try:
        deployment.compose("build")
        yield deployment
    finally:
        deployment.compose("--profile", "observe", "down", "--volumes", "--remove-orphans", check=False)


@pytest.fixture(scope="session")
def parties(deployment: Deployment) -> Deployment:
    """The deployment with its parties up and healthy, and no drill."""
    deployment.compose("up", "--detach", "--wait", *PARTIES)
    return deployment
