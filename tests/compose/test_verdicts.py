"""The exit code and the results of a whole drill in containers."""

import json
from functools import cache
from pathlib import Path

import pytest
from deployment import CALLER, Deployment

from leakdrill.referee.drill import Drill
from leakdrill.results import Results
from leakdrill.scenario.loading import load_scenario

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@cache
def play(deployment: Deployment, scenario: str) -> tuple[int, Path]:
    """The exit code of `docker compose up`, and the run's folder. Each is played once."""
    before = set((deployment.directory / "runs").iterdir())
    exit_code = deployment.compose(
        "up", "--exit-code-from", "referee", check=False, SCENARIO=f"scenarios/{scenario}.yaml"
    ).returncode
    (run_dir,) = set((deployment.directory / "runs").iterdir()) - before
    return exit_code, run_dir


@pytest.mark.parametrize(("scenario", "exit_code"), [("met", 0), ("not_met", 1), ("broken", 2)])
def test_the_exit_code_is_the_verdict_and_the_results_are_the_callers(
    deployment: Deployment, scenario: str, exit_code: int
) -> None:
    got, run_dir = play(deployment, scenario)
    assert got == exit_code
    results = json.loads((run_dir / "results.json").read_text())
    assert results["verdict"] == scenario.replace("_", " ")
    assert {path.stat().st_uid for path in (run_dir, *run_dir.rglob("*"))} == {CALLER}
    if scenario == "broken":
        assert "10" in results["error"]  # the budget that did not suffice


def test_the_first_command_of_the_readme_plays_the_default_drill(deployment: Deployment) -> None:
    deployment.compose("up", "--build", "--exit-code-from", "referee", ARGS="--smoke --out runs/default")
    results = json.loads((deployment.directory / "runs" / "default" / "results.json").read_text())
    assert results["scenario"]["question"] == load_scenario("quickstart").scenario.question


def test_containers_and_local_processes_find_the_same(deployment: Deployment, tmp_path: Path) -> None:
    _, run_dir = play(deployment, "met")
    with Drill(load_scenario(deployment.directory / "scenarios" / "met.yaml").scenario, out=tmp_path / "run") as drill:
        local = drill.run()
    contained = Results.model_validate_json((run_dir / "results.json").read_text())
    assert found(contained) == found(local)


def found(results: Results) -> list[object]:
    """All that was found, without what depends on the clock."""
    return [
        results.verdict,
        *(model.model_dump(exclude={"seconds"}) for model in results.models.values()),
        *(attack.model_dump(exclude={"seconds"}) for attack in results.attacks),
    ]
