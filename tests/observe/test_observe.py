"""observe/ as Prometheus itself sees it: its configuration, its rules, and the dashboard over a real drill."""

import contextlib
import json
import re
import shutil
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
import yaml
from small import SMALL, small

from leakdrill.network.identity import Authority, Credentials
from leakdrill.network.rpc import connect
from leakdrill.pb import target_pb2
from leakdrill.pb.target_pb2_grpc import ExfiltrationServiceStub
from leakdrill.referee.drill import Drill
from leakdrill.referee.local import PARTIES

ROOT = Path(__file__).parents[2]
OBSERVE = ROOT / "observe"
METRIC = re.compile(r"\b(?:leakdrill|grpc_server)_\w+|\bup\b")
QUERY_SECONDS = 200.0  # on a busy machine

needs_prometheus = pytest.mark.skipif(
    not (shutil.which("prometheus") and shutil.which("promtool")),
    reason="NOT TESTED: prometheus and promtool are not on the PATH (on Debian: apt-get install prometheus)",
)


def configured(directory: Path, credentials: Path, addresses: dict[str, str]) -> Path:
    """observe/prometheus.yml with its rules, as it is but for where credentials and parties are."""
    text = (OBSERVE / "prometheus.yml").read_text().replace("/credentials", str(credentials))
    for party, address in addresses.items():
        text, found = re.subn(rf"\b{party}\.control:9100", address, text)
        assert found == 1, f"{party} is not scraped"
    shutil.copy(OBSERVE / "rules.yml", directory)
    (directory / "prometheus.yml").write_text(text)
    return directory / "prometheus.yml"


def panels() -> dict[str, str]:
    """The dashboard's expressions by panel."""
    dashboard = json.loads((OBSERVE / "grafana" / "dashboards" / "leakdrill.json").read_text())
    found = {panel["title"]: target["expr"] for panel in dashboard["panels"] for target in panel["targets"]}
    annotations = {each["name"]: each["expr"] for each in dashboard["annotations"]["list"]}
    assert len(found) >= 6
    return found | annotations


def alerts() -> dict[str, str]:
    (group,) = yaml.safe_load((OBSERVE / "rules.yml").read_text())["groups"]
    return {rule["alert"]: rule["expr"] for rule in group["rules"]}


def promtool(*arguments: object) -> None:
    done = subprocess.run(["promtool", *map(str, arguments)], capture_output=True, text=True, timeout=QUERY_SECONDS)
    assert done.returncode == 0, done.stdout + done.stderr


@needs_prometheus
def test_the_configuration_is_valid(tmp_path: Path) -> None:
    Authority.create().issue("observer", tmp_path)
    promtool("check", "config", configured(tmp_path, tmp_path, {}))


@needs_prometheus
def test_the_alerts_fire_when_they_should() -> None:
    promtool("test", "rules", ROOT / "tests" / "observe" / "rules_test.yml")
    tested = yaml.safe_load((ROOT / "tests" / "observe" / "rules_test.yml").read_text())["tests"]
    assert {case["alertname"] for test in tested for case in test["alert_rule_test"]} == alerts().keys()


@needs_prometheus
def test_every_expression_of_the_dashboard_parses(tmp_path: Path) -> None:
    rules = [{"record": f"panel:{number}", "expr": expr} for number, expr in enumerate(panels().values())]
    (tmp_path / "rules.yml").write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}))
    promtool("check", "rules", tmp_path / "rules.yml")


@pytest.mark.parametrize("panel", json.loads((OBSERVE / "grafana/dashboards/leakdrill.json").read_text())["panels"])
def test_the_dashboard_asks_the_source_of_data_that_is_provisioned(panel: dict[str, Any]) -> None:
    provisioned = yaml.safe_load((OBSERVE / "grafana/provisioning/datasources/prometheus.yml").read_text())
    assert panel["datasource"]["uid"] in {source["uid"] for source in provisioned["datasources"]}


class Prometheus:
    """A running Prometheus, asked over its HTTP API."""

    def __init__(self, url: str) -> None:
        self._url = url

    def get(self, path: str, **parameters: str) -> Any:
        query = urllib.parse.urlencode(parameters)
        with urllib.request.urlopen(f"{self._url}/api/v1/{path}?{query}", timeout=QUERY_SECONDS) as response:
            return json.load(response)["data"]

    def query(self, expr: str) -> list[dict[str, Any]]:
        """The labels of what `expr` gives now."""
        return [sample["metric"] for sample in self.get("query", query=expr)["result"]]

    def firing(self) -> set[str]:
        return {alert["labels"]["alertname"] for alert in self.get("alerts")["alerts"] if alert["state"] == "firing"}


@contextlib.contextmanager
def prometheus(config: Path) -> Iterator[Prometheus]:
    options = [f"--config.file={config}", f"--storage.tsdb.path={config.parent / 'tsdb'}"]
    log = config.parent / "prometheus.log"
    with (
        log.open("w") as output,
        subprocess.Popen(["prometheus", *options, "--web.listen-address=127.0.0.1:0"], stderr=output) as process,
    ):
        try:
            listening = re.compile(r'"Listening on" address=(\S+)')
            assert eventually(lambda: bool(listening.search(log.read_text()))), log.read_text()
            found = listening.search(log.read_text())
            assert found
            yield Prometheus(f"http://{found[1]}")
        finally:
            process.terminate()


def eventually(condition: Callable[[], bool], seconds: float = QUERY_SECONDS) -> bool:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.25)
    return condition()


def try_to_exfiltrate(drill: Drill, credentials: Credentials) -> None:
    address = drill.parties.addresses["csmall/exfiltration"]
    with connect(address, credentials, "csmall") as channel, pytest.raises(grpc.RpcError, match="PERMISSION_DENIED"):
        list(ExfiltrationServiceStub(channel).Exfiltrate(target_pb2.ExfiltrateRequest(), timeout=60))


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """Prometheus, with a drill that it has watched: a refusal, an attack that nearly spends its budget, a breach."""
    directory = tmp_path_factory.mktemp("observe")
    scenario = small(timeline=SMALL["timeline"][:4], adversary={"query_budget": 300, "workers": 1})
    with Drill(scenario, out=directory / "run") as drill:
        addresses = {party: drill.parties.addresses[f"{party}/metrics"] for party in PARTIES}
        credentials = directory / "run" / "parties"
        with prometheus(configured(directory, credentials / "referee" / "credentials", addresses)) as watching:
            drill.train_source()
            drill.release()
            drill.adapt()
            try_to_exfiltrate(drill, Credentials.load(credentials / "adversary" / "credentials"))
            drill.attack(name="gap", kind="gap")
            drill.breach()
            yield watching


@needs_prometheus
@pytest.mark.slow
def test_prometheus_scrapes_every_party_over_mutual_tls(watched: Prometheus) -> None:
    assert eventually(lambda: {sample["job"] for sample in watched.query("up == 1")} == set(PARTIES))


@needs_prometheus
@pytest.mark.slow
@pytest.mark.parametrize("expr", [*panels().values(), *alerts().values()])
def test_every_metric_that_is_named_is_one_that_a_live_party_exports(watched: Prometheus, expr: str) -> None:
    named = METRIC.findall(expr)
    assert named
    for metric in named:
        assert eventually(lambda metric=metric: bool(watched.query(metric))), metric


@needs_prometheus
@pytest.mark.slow
@pytest.mark.parametrize("title", panels())
def test_every_panel_shows_something(watched: Prometheus, title: str) -> None:
    assert eventually(lambda: bool(watched.query(panels()[title])))


@needs_prometheus
@pytest.mark.slow
def test_what_happened_raises_its_alerts(watched: Prometheus) -> None:
    assert eventually(lambda: watched.firing() == {"Refused", "BudgetNearlySpent", "Breach"}), watched.firing()


@needs_prometheus
@pytest.mark.slow
def test_labels_are_few(watched: Prometheus) -> None:
    assert eventually(lambda: bool(watched.query('leakdrill_progress_ratio{task="attack"}')))
    assert len(watched.query('{__name__=~"leakdrill_.*"}')) < 30
    assert {sample["caller"] for sample in watched.query("grpc_server_handled_total")} <= {
        "referee",
        "csmall",
        "adversary",
    }
