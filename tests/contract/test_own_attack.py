"""docs/own-attack.md does what it says: an attack is begun, passes the contract, and is played."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from leakdrill.cli import app
from leakdrill.contract import option
from leakdrill.results import Results

PAGE = (Path(__file__).parents[2] / "docs" / "own-attack.md").read_text()
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", PAGE, re.DOTALL)
COMMANDS = [line for kind, block in BLOCKS if kind == "sh" for line in block.splitlines()]


def shell(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    tools = Path(sys.executable).parent
    environment = os.environ | {"PATH": f"{tools}{os.pathsep}{os.environ['PATH']}"}
    command = command.replace("pytest ", f"{sys.executable} -m pytest -p leakdrill.contract.option ", 1)
    return subprocess.run(
        command, shell=True, cwd=folder, env=environment, capture_output=True, text=True, timeout=250, check=False
    )


def test_the_pages_commands_lead_from_nothing_to_a_verdict(tmp_path: Path) -> None:
    begin, own_test, contract, play = COMMANDS
    begun = CliRunner().invoke(app, [*begin.split()[1:], "--dir", str(tmp_path)])
    assert begun.exit_code == 0, begun.output
    assert [block for kind, block in BLOCKS if kind == "python"] == [(tmp_path / "surprise.py").read_text()]
    assert own_test.split()[-1] == "test_surprise.py"
    assert (tmp_path / "test_surprise.py").exists()
    passed = shell(contract, tmp_path)
    assert passed.returncode == 0, passed.stdout
    assert "12 passed" in passed.stdout
    played = shell(play, tmp_path)
    assert played.returncode == 0, played.stdout + played.stderr
    results = Results.model_validate_json((tmp_path / "run" / "results.json").read_text())
    assert results.attacks[1].kind == "surprise"
    assert list(results.environment["plugins"]) == [str(tmp_path / "surprise.py")]


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("Gap", "cannot be called 'Gap': begin with a small letter"),
        ("gap", "there is an attack 'gap' already: choose another name"),
        ("begun", "exists: choose another name, or another --dir"),
    ],
)
def test_a_name_that_will_not_do_is_refused_and_nothing_is_overwritten(name: str, told: str, tmp_path: Path) -> None:
    (tmp_path / "begun.py").write_text("mine\n")
    refused = CliRunner().invoke(app, ["new", "attack", name, "--dir", str(tmp_path)])
    assert refused.exit_code == 2
    assert told in " ".join(refused.output.split())
    assert [file.name for file in tmp_path.iterdir()] == ["begun.py"]
    assert (tmp_path / "begun.py").read_text() == "mine\n"


def test_the_contract_says_in_a_line_what_it_cannot_be_run_on(tmp_path: Path) -> None:
    with pytest.raises(pytest.UsageError, match=r"^/\S+/mine.py:Mine: there is no file /\S+/mine.py; in a container"):
        option._named(f"{tmp_path}/mine.py:Mine", "{}")
    with pytest.raises(
        pytest.UsageError, match=r"^entropy.threshold_queries Input should be greater than or equal to 1"
    ):
        option._named("entropy", "{threshold_queries: 0}")
    with pytest.raises(pytest.UsageError, match=r"--settings 3: wanted a mapping"):
        option._named("entropy", "3")
