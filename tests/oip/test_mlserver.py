"""`leakdrill attack` end to end against MLServer, a model server that is not ours, in an environment of its own."""

import contextlib
import json
import shutil
import subprocess
import sys
import time
import venv
from collections.abc import Iterator
from pathlib import Path

import grpc
import numpy as np
import pytest
from model_server import CLASSES, SIZE, write_folders
from ports import free_ports
from typer.testing import CliRunner, Result

from leakdrill.cli import app
from leakdrill.pb import inference_pb2 as pb
from leakdrill.pb.inference_pb2_grpc import GRPCInferenceServiceStub
from leakdrill.results import Results

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]  # of which pip may need most, once

MLSERVER = "mlserver==1.7.1"
PIP_SECONDS = 480
START_SECONDS = 240  # on a busy machine


@pytest.fixture(scope="module")
def mlserver(request: pytest.FixtureRequest) -> Path:
    """The program, installed once and kept in pytest's cache. Skips, saying why, where pip cannot install it."""
    cache = request.config.cache
    assert cache is not None
    folder = cache.mkdir(MLSERVER.replace("==", "-"))
    program, done = folder / "bin" / "mlserver", folder / "installed"
    if not done.exists():
        venv.create(folder, clear=True)
        pip = [sys.executable, "-m", "pip", "--python", folder, "install", "--quiet", "--retries", "1"]
        quick = ["--no-compile", MLSERVER]  # what it imports is compiled when it starts
        installed = subprocess.run([*pip, *quick], capture_output=True, text=True, timeout=PIP_SECONDS, check=False)
        if installed.returncode:
            why = installed.stderr[-300:]
            pytest.skip(f"NO ATTACK ON A SERVER THAT IS NOT OURS: pip cannot install {MLSERVER}: {why}")
        done.touch()
    return program


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("mlserver")


@pytest.fixture(scope="module")
def address(mlserver: Path, folders: Path) -> Iterator[str]:
    """MLServer with a model that knows the challenge's members by heart."""
    served = folders / "served"
    served.mkdir()
    model = write_folders(folders)
    np.savez(served / "known.npz", known=model.known, labels=model.labels)
    shutil.copy(Path(__file__).with_name("faces_runtime.py"), served)
    ports = dict(zip(("http_port", "grpc_port", "metrics_port"), free_ports(3), strict=True))
    address = f"127.0.0.1:{ports['grpc_port']}"
    settings = {"host": "127.0.0.1", "parallel_workers": 0, **ports}
    (served / "settings.json").write_text(json.dumps(settings))
    described = {
        "name": "faces",
        "implementation": "faces_runtime.Faces",
        "parameters": {"uri": "./known.npz"},
        "inputs": [{"name": "x", "datatype": "FP32", "shape": [-1, 3, SIZE, SIZE]}],
        "outputs": [{"name": "probs", "datatype": "FP32", "shape": [-1, len(CLASSES)]}],
    }
    (served / "model-settings.json").write_text(json.dumps(described))
    with (served / "log").open("wb") as log:
        process = subprocess.Popen([mlserver, "start", "."], cwd=served, stdout=log, stderr=log)
        try:
            await_ready(process, address, served / "log")
            yield address
        finally:
            process.terminate()
            process.wait(timeout=120)


def await_ready(process: subprocess.Popen[bytes], address: str, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    with grpc.insecure_channel(address) as channel:
        stub = GRPCInferenceServiceStub(channel)
        while process.poll() is None and time.monotonic() < deadline:
            with contextlib.suppress(grpc.RpcError):  # it does not serve yet
                if stub.ModelReady(pb.ModelReadyRequest(name="faces"), timeout=5).ready:
                    return
            time.sleep(0.2)
    pytest.fail(f"MLServer did not start: {log.read_text()[-2000:]}")


def attack(address: str, folders: Path, out: Path, *arguments: str) -> Result:
    given = ["--oip", address, "--challenge", folders / "challenge", "--shadow", folders / "shadow", "--out", out]
    return CliRunner().invoke(app, ["attack", "quickstart", "entropy", *arguments, *map(str, given)])


def test_members_of_its_training_set_are_found_out(address: str, folders: Path, tmp_path: Path) -> None:
    answer = attack(address, folders, tmp_path / "run", "--model", "faces")
    assert answer.exit_code == 0, answer.stderr
    results = Results.model_validate_json((tmp_path / "run" / "results.json").read_text())
    (found,) = results.attacks
    assert found.auc.value > 0.99
    assert found.on == f"{address}/faces"
    assert found.queries == {f"{address}/faces": 90}
    assert len((tmp_path / "run" / "scores.csv").read_text().splitlines()) == 61


def test_a_model_that_it_does_not_have_is_its_own_answer(address: str, folders: Path, tmp_path: Path) -> None:
    answer = attack(address, folders, tmp_path / "run", "--model", "other")
    assert answer.exit_code == 2
    assert f"{address}/other: Model other" in answer.stderr
