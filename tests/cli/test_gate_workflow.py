"""The templates of a release pipeline say only what this version of leakdrill understands."""

import itertools
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from leakdrill.cli import app
from leakdrill.scenario.loading import load_scenario

ROOT = Path(__file__).parents[2]
WORKFLOW = ROOT / "docs" / "gate-workflow.yml"
PAGE = ROOT / "docs" / "gate.md"


def workflow() -> dict[Any, Any]:
    parsed = yaml.safe_load(WORKFLOW.read_text())
    assert isinstance(parsed, dict)
    return parsed


def commands(text: str) -> Iterator[list[str]]:
    """What is called in shell, with lines that a backslash continues."""
    for line in text.replace("\\\n", " ").splitlines():
        words = shlex.split(line, comments=True) if line.strip().startswith("leakdrill ") else []
        if words:
            yield words[1:]


def in_workflow() -> list[list[str]]:
    return [call for step in workflow()["jobs"]["gate"]["steps"] for call in commands(step.get("run", ""))]


def on_page() -> list[list[str]]:
    blocks = re.findall(r"```sh\n(.*?)```", PAGE.read_text(), re.S)
    return [call for block in blocks for call in commands(block)]


@pytest.mark.parametrize("call", [*in_workflow(), *on_page()], ids=" ".join)
def test_a_command_and_all_its_options_exist(call: list[str]) -> None:
    name, *words = call
    group = typer.main.get_command(app)
    command = group.commands[name]  # type: ignore[attr-defined]
    known = {option for parameter in command.params for option in parameter.opts}
    for word in words:
        if word in (">>", ">", "||"):
            break
        if word.startswith("--"):
            assert word in known, word


def test_the_templates_call_what_they_are_about() -> None:
    assert {call[0] for call in in_workflow()} == {"run", "compare", "show"}
    assert {"run", "show", "compare"} <= {call[0] for call in on_page()}


def test_the_workflow_has_what_a_workflow_needs() -> None:
    parsed = workflow()
    assert set(parsed) == {"name", True, "permissions", "jobs"}  # a bare `on` is true in YAML 1.1
    for step in parsed["jobs"]["gate"]["steps"]:
        assert ("run" in step) != ("uses" in step)
    uploaded = parsed["jobs"]["gate"]["steps"][-1]["with"]["path"].split()
    assert not [path for path in uploaded if "truth" in path or "parties" in path or path.endswith(("gate", "/"))]


def test_an_undecided_gate_is_not_passed_over() -> None:
    assert not [step for step in workflow()["jobs"]["gate"]["steps"] if "continue-on-error" in step]


def test_the_scenario_and_what_its_first_lines_say_to_set_can_be_loaded() -> None:
    text = (ROOT / "scenarios" / "gate.yaml").read_text()
    (call,) = commands("\n".join(line.removeprefix("#   ") for line in text.splitlines()).replace("\\\n#", "\\\n"))
    settings = [value for option, value in itertools.pairwise(call) if option == "--set"]
    fits = [step.attack.fit for step in load_scenario("gate", settings).scenario.timeline[3:]]  # type: ignore[union-attr]
    assert len(settings) == 2
    assert [fit.epochs for fit in fits] == [12, 12]
    assert load_scenario("gate").scenario.cbig.source_model.fit.epochs == 20
