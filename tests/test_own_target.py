"""csmall's own f_t, which leakdrill did not train, is served, leaked and attacked like one that it did."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from PIL import Image
from safetensors.torch import load_file, save_file
from torch import nn

from leakdrill.data.splits import deal
from leakdrill.errors import LeakdrillError, ScenarioError
from leakdrill.parties.config import CsmallConfig
from leakdrill.parties.load import load_target
from leakdrill.parties.store import SplitStore
from leakdrill.referee.drill import Drill
from leakdrill.referee.local import LocalParties
from leakdrill.results import Results
from leakdrill.scenario.loading import load_scenario

MODEL = """
from torch import nn

def build():
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(16, 3))
"""
SCENARIO: dict[str, Any] = {
    "question": "Is anybody of csmall's own training set exposed?",
    "seed": 7,
    "data": {
        "set": "digits",
        "image_size": 16,
        "splits": {
            "source_train": 4, "source_test": 4, "source_validation": 2, "shadow_train": 6, "shadow_test": 6,
        },
        "target": {
            "classes": 3, "train": 10, "test": 10,
            "dataset": {"set": "members", "members": "members", "non_members": "non_members"},
        },
        "challenge": {"members_of": "target"},
    },
    "cbig": {"source_model": {"arch": {"kind": "small_cnn", "width": 4, "num_features": 8}, "fit": {"epochs": 1}}},
    "csmall": {
        "target_model": {
            "weights": "f_t.safetensors",
            "arch": "./builder_of_f_t.py:build",
            "preprocessing": {"mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]},
            "cut": "1",
        },
        "api": {"outputs": ["scores", "label"]},
    },
    "adversary": {"workers": 1},
    "timeline": [
        "train_source",
        "release",
        "load_target",
        {"attack": {"kind": "gap"}},
        {"breach": {"artefact": "target_feature_extractor", "fidelity": "full"}},
    ],
    "expect": [{"claim": "f_t is the one that was given", "that": "target.train_accuracy >= 0"}],
}  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("own")
    generator = np.random.default_rng(0)
    for side, number in (("members", 10), ("non_members", 22)):
        for label in "abc":
            (root / side / label).mkdir(parents=True)
            for index in range(number):
                pixels = generator.integers(0, 256, (16, 16, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(root / side / label / f"{index}.png")
    (root / "builder_of_f_t.py").write_text(MODEL)
    made: dict[str, Any] = {}
    exec(MODEL, made)
    torch.manual_seed(0)
    model: nn.Module = made["build"]()
    save_file(model.state_dict(), root / "f_t.safetensors")
    (root / "audit.yaml").write_text(yaml.safe_dump(SCENARIO))
    return root


@pytest.fixture(scope="module")
def played(folder: Path, parties: LocalParties) -> Results:
    with Drill(folder / "audit.yaml", out=folder / "run", parties=parties) as drill:
        return drill.run()


def test_the_members_that_its_owner_names_are_judged_through_csmalls_api(played: Results) -> None:
    assert played.error is None
    assert played.models["target"].train_accuracy.num_examples == 30
    assert list(played.environment["devices"]) == ["cbig", "csmall", "adversary"]
    (gap,) = played.attacks
    assert gap.on == "csmall/recognition"
    assert gap.num_members == gap.num_non_members == 30


def test_what_leaks_is_the_shallow_part_of_the_given_weights(folder: Path, played: Results) -> None:
    (breach,) = played.breaches
    assert (breach.artefact, breach.blocks) == ("target_feature_extractor", ["0", "1"])
    assert breach.size_bytes >= 4 * sum(
        load_file(folder / "f_t.safetensors")[f"0.{key}"].numel() for key in ("weight", "bias")
    )


def test_the_users_module_stays_with_csmall(played: Results, parties: LocalParties) -> None:
    for party in ("cbig", "adversary"):
        for file in parties.credentials_dir(party).parent.rglob("*"):
            assert not file.is_file() or b"builder_of_f_t.py" not in file.read_bytes(), file


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"csmall.target_model.weights": "null"}, "weights and arch .* go together"),
        ({"timeline": "[train_source, release, adapt]"}, "put load_target in the place of adapt"),
        ({"data.target.dataset": "{set: digits}"}, "a data.target.dataset with members go together"),
        (
            {"data.target.train": "11", "data.target.test": "9"},
            "has 10 in data.target.dataset.members for target_train",
        ),
    ],
)
def test_what_does_not_go_together_is_refused(folder: Path, changes: dict[str, str], told: str) -> None:
    with pytest.raises(LeakdrillError, match=told):
        deal(
            load_scenario(folder / "audit.yaml", [f"{key}={value}" for key, value in changes.items()]).scenario.data,
            "key",
        )


def test_errors_of_its_files_name_csmalls_keys(folder: Path, tmp_path: Path) -> None:
    pickled = tmp_path / "f_t.pt"
    pickled.write_bytes(b"PK\x03\x04")
    spec = load_scenario(folder / "audit.yaml", [f"csmall.target_model.weights={pickled}"]).scenario.csmall.target_model
    config = CsmallConfig.model_construct(target_model=spec, num_classes=3)
    with pytest.raises(ScenarioError, match=r"csmall\.target_model\.weights=.* is a pickle"):
        load_target(config, SplitStore(tmp_path / "splits"))
