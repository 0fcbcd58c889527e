"""A drill whose models are loaded, not trained, is killed while it loads each and while it attacks, and resumed."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from PIL import Image
from safetensors.torch import save_file
from test_killed_anywhere import World, charges, results

from leakdrill.models.loaded import built
from leakdrill.referee.compare import differences
from leakdrill.scenario.loading import load_scenario

pytestmark = pytest.mark.slow

MODEL = """
from torch import nn

def build():
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(16, 2))
"""
OWN = {
    "weights": "weights.safetensors",
    "arch": "./model.py:build",
    "preprocessing": {"mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]},
}
SCENARIO = {
    "question": "Does a loaded model survive?",
    "data": {
        "members": "f_s/members",
        "non_members": "f_s/non_members",
        "image_size": 8,
        "splits": {"source_train": 6, "source_test": 6, "source_validation": 2, "shadow_train": 4, "shadow_test": 4},
        "target": {
            "classes": 2,
            "train": 4,
            "test": 4,
            "dataset": {"set": "members", "members": "f_t/members", "non_members": "f_t/non_members"},
        },
    },
    "cbig": {"source_model": OWN | {"cut": "1"}},
    "csmall": {"target_model": OWN},
    "adversary": {"workers": 1},
    "timeline": [
        "load_source",
        "release",
        "load_target",
        {"attack": {"kind": "gap"}},
        {"breach": {"fidelity": "full"}},
        {"attack": {"name": "after", "kind": "transmia", "num_shadows": 2, "shadow_size": 8, "head": {"steps": 2}}},
    ],
}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    root = tmp_path_factory.mktemp("own")
    generator = np.random.default_rng(0)
    for side in ("f_s/members", "f_s/non_members", "f_t/members", "f_t/non_members"):
        for label in "ab":
            (root / side / label).mkdir(parents=True)
            for index in range(16):
                pixels = generator.integers(0, 256, (8, 8, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(root / side / label / f"{index}.png")
    (root / "model.py").write_text(MODEL)
    torch.manual_seed(0)
    save_file(built(f"{root}/model.py:build").state_dict(), root / "weights.safetensors")
    (root / "audit.yaml").write_text(yaml.safe_dump(SCENARIO))
    (root / "scenario.json").write_text(load_scenario(root / "audit.yaml").scenario.model_dump_json())
    command = [sys.executable, str(Path(__file__).with_name("zygote.py")), str(root / "scenario.json"), "5eed" * 8]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as zygote:
        yield World(zygote)
        assert zygote.stdin
        zygote.stdin.close()


def test_a_run_of_loaded_models_that_is_killed_is_what_an_uninterrupted_one_is(world: World, tmp_path: Path) -> None:
    whole, often = tmp_path / "whole", tmp_path / "often"
    said, _ = world.live(whole)
    assert said["error"] is None
    world.models = {}
    for step, victim in ((0, "cbig"), (2, "csmall"), (5, "referee")):
        world.live(often, step, victim)
    said, _ = world.live(often)
    assert said["error"] is None
    assert differences(results(whole), results(often)) == []
    assert charges(often) == charges(whole)
