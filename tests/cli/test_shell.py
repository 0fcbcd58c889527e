import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from typer.main import get_command
from typer.testing import Result

from leakdrill.cli import app
from leakdrill.cli.shell import exit_code
from leakdrill.errors import PartyUnavailable, ScenarioError
from leakdrill.results import Results

Shell = Callable[..., Result]


@pytest.mark.parametrize(
    ("verdicts", "code"),
    [(["met", "met"], 0), (["met", "undecided"], 3), (["undecided", "not met"], 1), (["broken", "not met"], 2)],
)
def test_a_grid_ends_with_the_worst_of_its_verdicts(results: Results, verdicts: list[str], code: int) -> None:
    cells = [results.model_copy(update={"verdict": verdict}) for verdict in verdicts]
    assert exit_code(cells) == code


def test_an_error_is_one_line_on_stderr_without_a_traceback(
    leakdrill: Shell, scenario: Path, tmp_path: Path, plays: SimpleNamespace
) -> None:
    plays.outcome = PartyUnavailable("cbig did not start (exit code 1)")
    answer = leakdrill("run", scenario, "--out", tmp_path / "out")
    assert answer.exit_code == 2
    assert answer.stderr == "error: cbig did not start (exit code 1)\n"


def test_verbose_adds_where_an_error_comes_from(
    leakdrill: Shell, scenario: Path, tmp_path: Path, plays: SimpleNamespace
) -> None:
    plays.outcome = ScenarioError("class '3' has 20 examples, 50 are wanted")
    answer = leakdrill("-v", "run", scenario, "--out", tmp_path / "out")
    assert answer.exit_code == 2
    assert "Traceback" in answer.stderr
    assert answer.stderr.endswith("error: class '3' has 20 examples, 50 are wanted\n")


def test_a_bug_is_never_taken_for_a_finding(
    leakdrill: Shell, scenario: Path, tmp_path: Path, plays: SimpleNamespace
) -> None:
    plays.outcome = ZeroDivisionError("division by zero")
    answer = leakdrill("run", scenario, "--out", tmp_path / "out")
    assert answer.exit_code == 2
    assert "ZeroDivisionError" in answer.stderr


PLAY = ["run", "resume", "up", "submit", "attack"]
LOOK = ["check", "list", "runs", "status", "show", "report", "audit", "cite"]
COMMANDS = [*PLAY, *LOOK, "compare", "reproduce", "lesson", "schema", "new attack", "data cifar10"]


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_every_command_has_an_example(leakdrill: Shell, command: str) -> None:
    answer = leakdrill(*command.split(), "--help")
    assert answer.exit_code == 0
    assert f"\n leakdrill {command} " in answer.stdout


def test_there_is_no_command_that_these_tests_forget() -> None:
    known = {command.partition(" ")[0] for command in COMMANDS}
    assert set(get_command(app).commands) == known  # type: ignore[attr-defined]


def test_the_help_groups_commands_and_names_those_that_people_look_for(leakdrill: Shell) -> None:
    said = leakdrill("--help").stdout
    panels = [line.split()[1] for line in said.splitlines() if line.startswith("╭─")]
    assert panels == ["Options", "Play", "Look", "Compare", "Teach", "Extend"]
    examples = said.partition("Options")[0]
    for wanted in ("report", "compare", "lesson", "resume", "run gate", "new attack"):
        assert f" leakdrill {wanted} " in examples


def test_help_and_version_do_not_wait_for_torch() -> None:
    program = (
        "import sys; from leakdrill.cli import app; "
        "app(['--version'], standalone_mode=False); assert 'torch' not in sys.modules"
    )
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.startswith("leakdrill ")


def test_a_letter_that_the_terminal_lacks_does_not_cost_the_run_its_table(finished: Path) -> None:
    environment = {**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    program = "import sys; from leakdrill.cli import app; app()"
    answer = subprocess.run(
        [sys.executable, "-c", program, "show", str(finished)], capture_output=True, env=environment
    )
    assert answer.returncode == 0, answer.stderr
    assert b"? holds: the leak exposes members" in answer.stdout
