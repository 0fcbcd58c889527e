"""client.py in a player's folder, with a model that stops answering."""

import importlib.util
import json
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

import numpy as np
import pytest

from leakdrill.player.folder import CLIENT

NUM = 150


@pytest.fixture
def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The program of a player, as a module."""
    shutil.copy(CLIENT, tmp_path)
    game = {"player": "Ada", "victim": "cbig/source", "members_by": "photo", "submit": "https://127.0.0.1:1/submit"}
    (tmp_path / "game.json").write_text(json.dumps(game | {"models": {"cbig/source": {"name": "source"}}}))
    inputs = np.arange(NUM, dtype=np.float32)[:, None]
    np.savez(tmp_path / "challenge.npz", ids=np.arange(NUM), inputs=inputs, labels=np.zeros(NUM, int))
    for name in (
        "tritonclient",
        "tritonclient.grpc",
        "tritonclient.utils",
    ):  # its messages clash with ours in one process
        monkeypatch.setitem(sys.modules, name, MagicMock())
    spec = importlib.util.spec_from_file_location("players_client", tmp_path / "client.py")
    assert spec
    assert spec.loader
    module: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    tensor = SimpleNamespace(name="input", datatype="FP32")
    described = SimpleNamespace(inputs=[tensor], outputs=[tensor])
    monkeypatch.setattr(module, "connect", lambda model: SimpleNamespace(get_model_metadata=lambda name: described))
    monkeypatch.setattr(module, "InferInput", Tensor)
    monkeypatch.setattr(sys, "argv", ["client.py"])
    return module


class Tensor:
    def __init__(self, name: str, shape: list[int], datatype: str) -> None:
        self.num_examples = shape[0]

    def set_data_from_numpy(self, batch: np.ndarray) -> None:
        pass


def answering(num_batches: int, asked: list[int]) -> Any:
    """An `infer` that answers so many batches, and notes how many examples each had."""

    def infer(connection: Any, model: str, tensor: Tensor, output: str) -> np.ndarray:
        if len(asked) == num_batches:
            sys.exit("the model has gone")
        asked.append(tensor.num_examples)
        return np.full((tensor.num_examples, 2), len(asked), float)

    return infer


def test_answers_that_were_paid_for_are_kept_where_it_breaks_off(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    monkeypatch.setattr(client, "infer", answering(2, asked))
    with pytest.raises(SystemExit, match="gone"):
        client.main()
    monkeypatch.setattr(client, "infer", answering(9, asked))
    client.main()
    assert asked == [64, 64, NUM - 128], "each example once"
    assert not list(client.HERE.glob("answers-*"))
    scores = np.loadtxt(client.HERE / "scores.csv", delimiter=",", skiprows=1)
    assert scores[:, 1].tolist() == [1.0] * 64 + [2.0] * 64 + [3.0] * (NUM - 128)


def test_a_desk_that_cannot_be_reached_is_said_in_one_line(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    (client.HERE / "scores.csv").write_text("id,score\n")
    tls = client.ssl.create_default_context()
    monkeypatch.setattr(tls, "load_cert_chain", lambda *files: None)
    monkeypatch.setattr(client.ssl, "create_default_context", lambda **given: tls)
    with pytest.raises(SystemExit, match=r"127\.0\.0\.1:1/submit does not answer .*refused"):
        client.submit()
