"""Profile `observe`: Prometheus reads every party's metrics, and no party can read Prometheus."""

import json
import shutil
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from deployment import PARTIES, Deployment
from test_isolation import reach

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

PORT = 19090
IMAGE = "leakdrill-test-prometheus"
DOCKERFILE = """
FROM python:3.11-slim
COPY prometheus /bin/prometheus
RUN install -d -o 65534 -g 65534 /prometheus
ENTRYPOINT ["/bin/prometheus"]
"""
WAIT_SECONDS = 60


@pytest.fixture(scope="module")
def observed(parties: Deployment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """With this machine's own Prometheus in the place of the published image, which cannot be had offline."""
    if (prometheus := shutil.which("prometheus")) is None:
        pytest.skip("NOT TESTED: there is no prometheus on this machine")
    context = tmp_path_factory.mktemp("prometheus")
    shutil.copy(prometheus, context / "prometheus")
    (context / "Dockerfile").write_text(DOCKERFILE)
    subprocess.run(["docker", "build", "--tag", IMAGE, str(context)], check=True, capture_output=True)
    up = ("--profile", "observe", "up", "--detach", "--no-deps", "prometheus")
    parties.compose(*up, PROMETHEUS_IMAGE=IMAGE, PROMETHEUS_PORT=str(PORT))
    yield parties
    parties.compose("--profile", "observe", "rm", "--stop", "--force", "prometheus")


def query(expression: str) -> list[dict[str, dict[str, str]]]:
    """The series that the Prometheus in the container has for it; empty while it is starting."""
    url = f"http://127.0.0.1:{PORT}/api/v1/query?{urllib.parse.urlencode({'query': expression})}"
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            found: list[dict[str, dict[str, str]]] = json.load(answer)["data"]["result"]
            return found
    except OSError:
        return []


def test_prometheus_reads_every_party(observed: Deployment) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < deadline and len(query("up == 1")) < len(PARTIES):
        time.sleep(1)
    assert {series["metric"]["job"] for series in query("up == 1")} == set(PARTIES)


def test_no_party_can_ask_prometheus(observed: Deployment) -> None:
    for party in PARTIES:
        control = observed.addresses("prometheus")[f"control-{party}"]
        assert reach(observed, party, f"{control}:9090") == {f"{control}:9090": "ECONNREFUSED"}


def test_the_published_image_and_grafana_are_named_in_a_valid_file(observed: Deployment) -> None:
    described = json.loads(observed.compose("--profile", "observe", "config", "--format", "json").stdout)
    for service in ("prometheus", "grafana"):
        mounted = [Path(volume["source"]) for volume in described["services"][service]["volumes"]]
        assert [path for path in mounted if path.is_absolute() and not path.exists()] == []
