"""What docs/oip.md tells people to type works."""

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from model_server import ModelServer, serving, write_folders
from predict_api import party_credentials, predict_api
from typer.testing import CliRunner

from leakdrill.cli import app

DOCS = (Path(__file__).parents[2] / "docs" / "oip.md").read_text()
COMMANDS = [line for line in DOCS.replace("\\\n", "").splitlines() if line.startswith(("leakdrill attack", "buf curl"))]
CREDENTIALS = "runs/by-hand/parties/adversary/credentials"
SECONDS = 200  # on a busy machine


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("docs")


@pytest.fixture(scope="module")
def party(folder: Path) -> Iterator[str]:
    with predict_api(party_credentials(folder, "cbig", "adversary")["cbig"]) as api:
        (folder / CREDENTIALS).parent.mkdir(parents=True)
        (folder / CREDENTIALS).symlink_to(folder / "adversary")
        yield api.address


def test_the_tritonclient_snippet_runs_as_it_stands(party: str, folder: Path) -> None:
    (snippet,) = re.findall(r"```python\n(.*?)```", DOCS, re.DOTALL)
    assert "127.0.0.1:4001" in snippet
    (folder / "snippet.py").write_text(snippet.replace("127.0.0.1:4001", party))
    done = subprocess.run(
        [sys.executable, "snippet.py"], cwd=folder, capture_output=True, text=True, timeout=SECONDS, check=False
    )
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.strip("[]\n").split()) == 8


@pytest.mark.parametrize("command", [line for line in COMMANDS if line.startswith("buf")])
def test_the_buf_commands_run(party: str, folder: Path, command: str) -> None:
    words = shlex.split(command.replace("$own", CREDENTIALS).replace("127.0.0.1:4001", party))
    program = Path(sys.executable).with_name(words[0])
    done = subprocess.run(
        [program, *words[1:]], cwd=folder, capture_output=True, text=True, timeout=SECONDS, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "ModelInfer" in done.stdout or '"source"' in done.stdout


@pytest.mark.parametrize("command", [line for line in COMMANDS if line.startswith("leakdrill")])
def test_the_attack_commands_run(tmp_path: Path, command: str) -> None:
    model = write_folders(tmp_path / "photos")
    with serving(ModelServer(model.scores)) as server:
        words = [
            word.replace("localhost:8081", server.address).replace("photos/", f"{tmp_path}/photos/")
            for word in shlex.split(command)
        ]
        answer = CliRunner().invoke(app, [*words[1:], "--out", str(tmp_path / "run"), "--set", "adversary.workers=1"])
    assert answer.exit_code == 0, answer.stderr
    assert (tmp_path / "run" / "results.json").exists()


def test_no_command_of_the_page_is_left_out() -> None:
    assert len(COMMANDS) == 5
