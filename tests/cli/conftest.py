"""The command line as its tests call it, and stand-ins for what takes it long."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from leakdrill.cli import app
from leakdrill.referee import drill, estimate, grid, local
from leakdrill.referee.estimate import Estimate
from leakdrill.referee.recording import settle_sweep
from leakdrill.results import Results
from leakdrill.scenario.grid import expand
from leakdrill.scenario.safe_yaml import parse_yaml
from leakdrill.scenario.schema import Scenario

SCENARIO = """
question: Does anything leak?
seed: 7
data:
  set: digits
  image_size: 16
  splits: {source_train: 20, source_test: 20, source_validation: 10, shadow_train: 20, shadow_test: 20}
  target: {classes: 2, train: 15, test: 10}
cbig: {source_model: {arch: {kind: small_cnn}}}
timeline:
  - train_source
  - release
  - adapt
  - attack: {name: before, kind: transmia, shadow: baseline, num_shadows: 2, shadow_size: 50}
  - breach: {at: csmall}
  - attack: {name: after, kind: transmia, shadow: freeze, num_shadows: 2, shadow_size: 50}
expect:
  - {claim: the leak strengthens the attack, that: after.auc > before.auc}
"""


Shell = Callable[..., Result]


@pytest.fixture
def leakdrill(monkeypatch: pytest.MonkeyPatch) -> Shell:
    """Call it as `leakdrill("show", run_dir)`, whatever terminal the tests run in."""
    monkeypatch.delenv("COLUMNS", raising=False)
    return lambda *arguments, typed=None: CliRunner().invoke(app, [str(argument) for argument in arguments], typed)


@pytest.fixture
def scenario(tmp_path: Path) -> Path:
    path = tmp_path / "leak.yaml"
    path.write_text(SCENARIO)
    return path


@pytest.fixture
def write_run(results: Results) -> Callable[..., Path]:
    """Writes the folder of a finished run; keywords are further keys of its scenario."""

    def write(run_dir: Path, **keys: Any) -> Path:
        recorded = parse_yaml(SCENARIO, origin="the test's scenario")
        assert isinstance(recorded, dict)
        (run_dir / "truth").mkdir(parents=True)
        (run_dir / "truth" / "split_key").write_text("5ecret")
        (run_dir / "scenario.json").write_text(json.dumps(recorded | keys))
        (run_dir / "results.json").write_text(results.model_dump_json())
        if "grid" in keys:
            settle_sweep(run_dir, expand(Scenario.model_validate(recorded | keys)))
        return run_dir

    return write


@pytest.fixture
def finished(tmp_path: Path, write_run: Callable[..., Path]) -> Path:
    """The folder of a finished run."""
    return write_run(tmp_path / "run")


@pytest.fixture
def plays(monkeypatch: pytest.MonkeyPatch, results: Results) -> SimpleNamespace:
    """Stands in for the drill behind `run` and `resume`: what it was given, and what it makes of that."""
    seen = SimpleNamespace(outcome=results, run_dir=None, loaded=None, parties=None, schedule=None)

    def play(*given: Any) -> Results | list[Results]:
        *_, seen.run_dir, observer, seen.parties, seen.schedule = given
        seen.loaded = given[0]
        if isinstance(seen.outcome, BaseException):
            raise seen.outcome
        if isinstance(seen.outcome, Results):
            observer.finished(seen.outcome)
        outcome: Results | list[Results] = seen.outcome
        return outcome

    monkeypatch.setattr(grid, "run_scenario", play)
    monkeypatch.setattr(grid, "resume_run", play)
    monkeypatch.setattr(estimate, "estimate", lambda scenario, schedule: Estimate({"source model": 12.0}))
    return seen


class FakeParties:
    """Parties that never start, and are interrupted at the second look."""

    def __init__(self, run_dir: Path, **given: Any) -> None:
        self.run_dir = run_dir
        ports = {"cbig/public": 4001, "csmall/public": 4002, "adversary/private": 4003}
        self.addresses = {listener: f"127.0.0.1:{port}" for listener, port in ports.items()}
        self.looks: Iterator[BaseException | None] = iter([None, KeyboardInterrupt()])

    def __enter__(self) -> "FakeParties":
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def credentials_dir(self, party: str) -> Path:
        return self.run_dir / party / "credentials"

    def check(self) -> None:
        if error := next(self.looks):
            raise error

    def diagnosis(self, error: Exception) -> str:
        return str(error)


class FakeDrill:
    """A drill that notes what is played, and finds what it is told to find."""

    made: list["FakeDrill"]
    results: Results

    def __init__(self, scenario: Any, *, out: Path, observer: Any, **given: Any) -> None:
        self.scenario, self.out, self.given = scenario, out, given
        self.played: list[str] = []
        self.parties = given.get("parties") or FakeParties(out)
        self.stage = self.parties
        self.made.append(self)

    def __enter__(self) -> "FakeDrill":
        return self

    def __exit__(self, *error: object) -> None:
        self.played.append("stop")

    def play(self, step: Any) -> None:
        self.played.append(step.step)

    def open_public_apis(self) -> None:
        self.played.append("open")

    def judge(self, error: str | None = None) -> Results:
        self.played.append(f"judge: {error}" if error else "judge")
        return self.results

    def run(self) -> Results:
        return self.results


@pytest.fixture
def drills(monkeypatch: pytest.MonkeyPatch, results: Results) -> type[FakeDrill]:
    """Stands in for Drill: `made` holds the drills that a command has made, `results` is what they find."""
    FakeDrill.made, FakeDrill.results = [], results
    monkeypatch.setattr(drill, "Drill", FakeDrill)
    monkeypatch.setattr(local, "LocalParties", FakeParties)
    return FakeDrill
