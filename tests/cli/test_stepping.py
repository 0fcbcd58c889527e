"""--step, --until, --from and --set, status and runs, as a person types them; the drill behind them is a stand-in."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import Result

from leakdrill.network.policy import Policy
from leakdrill.referee import drill, inspection
from leakdrill.referee.inspection import Budget, Inspection
from leakdrill.referee.journal import Journal
from leakdrill.referee.pacing import Stopped
from leakdrill.results import Results
from leakdrill.runs.reading import recorded_scenario
from leakdrill.scenario.steps import name_of

Shell = Callable[..., Result]


class PacedDrill:
    """Plays nothing, but asks its pace about every step."""

    results: Results
    said: list[tuple[str, str]]
    begun: frozenset[str] = frozenset()

    def __init__(self, scenario: Any, *, out: Path, **given: Any) -> None:
        self.scenario = scenario

    def __enter__(self) -> "PacedDrill":
        return self

    def __exit__(self, *error: object) -> None: ...

    def run(self, pace: Callable[[Any, int], str]) -> Results:
        for index, step in enumerate(self.scenario.timeline):
            self.said.append((name_of(step), pace(self, index)))
            if self.said[-1][1] == "stop":
                raise Stopped(f"stopped before {name_of(step)}")
        return self.results


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch, results: Results) -> list[tuple[str, str]]:
    PacedDrill.said, PacedDrill.results = [], results
    monkeypatch.setattr(drill, "Drill", PacedDrill)
    held = {"cbig": ["source_train"], "adversary": ["challenge"]}
    seen = Inspection(held, {"cbig": "open"}, Policy.load().rows[:1], [Budget("cbig/source", 280, 5000)])
    monkeypatch.setattr(inspection, "inspect", lambda drill: seen)
    return PacedDrill.said


def test_every_step_is_asked_about_and_can_be_looked_at_left_out_or_be_the_last(
    leakdrill: Shell, scenario: Path, tmp_path: Path, said: list[tuple[str, str]]
) -> None:
    typed = ["", "i", "s", "n", "n", "s", "what", "abort"]  # of these, the first skip is refused
    answer = leakdrill("run", scenario, "--step", "--out", tmp_path / "out", typed="\n".join([*typed, ""]))
    assert answer.exit_code == 3
    assert said == [
        ("train_source", "play"),
        ("release", "play"),
        ("adapt", "play"),
        ("before", "skip"),
        ("breach", "stop"),
    ]
    for part in (
        "cbig (open)",
        "4,720",
        "it cannot be left out: timeline[1] adapt",
        "cannot be decided: the leak strengthens",
        "got 'what'",
        f"leakdrill resume {tmp_path / 'out'}",
    ):
        assert part in answer.output


def test_the_end_of_the_input_is_an_abort(
    leakdrill: Shell, scenario: Path, tmp_path: Path, said: list[tuple[str, str]]
) -> None:
    assert leakdrill("run", scenario, "--step", "--out", tmp_path / "out", typed="").exit_code == 3
    assert said == [("train_source", "stop")]


def test_a_run_goes_no_further_than_it_is_told(
    leakdrill: Shell, scenario: Path, tmp_path: Path, said: list[tuple[str, str]]
) -> None:
    assert leakdrill("run", scenario, "--until", "breach", "--out", tmp_path / "out").exit_code == 3
    assert [step for step, choice in said if choice == "play"] == [
        "train_source",
        "release",
        "adapt",
        "before",
        "breach",
    ]


@pytest.mark.parametrize(
    ("command", "options", "complaint"),
    [
        ("run", ["--until", "nothing"], "no step 'nothing': the steps are 1 train_source"),
        ("run", ["--step", "--set", "grid={seed: [1, 2]}"], "--step and --until are for a single drill"),
        ("resume", ["--out", "elsewhere"], "--out is for a fork"),
        ("resume", ["--from", "nothing"], "no step 'nothing'"),
        ("resume", ["--from", "after", "--set", "seed=3"], "changes what comes out of step 1, train_source"),
        ("resume", ["--set", "sed=3"], "unknown key 'sed'"),
        ("resume", ["--set", "grid={seed: [1, 2]}"], "a fork is one drill"),
        ("resume", ["--from", "after", "--until", "nothing"], "no step 'nothing'"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_starts(
    leakdrill: Shell, scenario: Path, finished: Path, said: list[Any], command: str, options: list[str], complaint: str
) -> None:
    answer = leakdrill(command, scenario if command == "run" else finished, *options)
    assert answer.exit_code == 2
    assert complaint in answer.stderr
    assert said == []
    assert not list(finished.parent.glob(f"{finished.name}-fork-*"))


def test_a_fork_says_where_it_is_and_from_where_it_plays(
    leakdrill: Shell, finished: Path, plays: SimpleNamespace, tmp_path: Path
) -> None:
    (finished / "journal.jsonl").touch()
    answer = leakdrill("resume", finished, "--set", "after.num_shadows=3", "--out", tmp_path / "fork")
    assert answer.exit_code == 0, answer.stderr
    assert "plays from step 6 of 6, after, on (the first that after.num_shadows can change)" in answer.stdout
    assert plays.run_dir == tmp_path / "fork"
    assert recorded_scenario(tmp_path / "fork").timeline[5].attack.num_shadows == 3  # type: ignore[union-attr]


def test_status_and_runs_say_how_far_a_run_is(leakdrill: Shell, finished: Path) -> None:
    (finished / "scenario.json").write_text(recorded_scenario(finished).model_dump_json())  # as a real run has it
    journal = Journal(finished / "journal.jsonl")
    journal.append("playing", number=6, of=6, step="after")
    journal.append("step_done", key="attack after 0", queries={"cbig/source": 1_000})
    journal.append("step_done", key="attack told 0", queries={"cbig/source": 200_000}, in_folds=True)
    journal.append("judged", verdict="met")
    status = leakdrill("status", finished)
    for part in ("finished, met", "✓  6 after", "201,000, 99,000 left of 100,000", f"leakdrill show {finished}"):
        assert part in status.stdout, status.output
    row = leakdrill("runs", finished.parent).stdout.splitlines()[-1]
    for part in ("run", "finished", "met", "all 6", "0:00:"):
        assert part in row
