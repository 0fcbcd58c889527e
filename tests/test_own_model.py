"""An existing model, which leakdrill neither built nor trained, is audited; and what cannot be is refused in a line.

What of its layers can be described is in tests/models/test_tracing.py.
"""

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from PIL import Image
from safetensors.torch import save_file
from torch import nn
from torchvision.models import resnet18

from leakdrill.archs.own import Own
from leakdrill.data.splits import deal
from leakdrill.errors import ScenarioError
from leakdrill.models.loaded import CONVERT, built, fill, read_weights
from leakdrill.referee.drill import Drill
from leakdrill.referee.local import LocalParties
from leakdrill.results import Results
from leakdrill.scenario.loading import load_scenario
from leakdrill.scenario.threat import check_threat

PAGE = Path(__file__).parents[1] / "docs" / "own-model.md"
MEAN, STD = (0.5, 0.4, 0.6), (0.25, 0.2, 0.3)
MODEL = "from torchvision.models import resnet18\n\ndef build():\n    return resnet18(num_classes=3)\n"
SCENARIO: dict[str, Any] = {
    "question": "Is anybody of our own model's training set exposed?",
    "data": {
        "members": "members",
        "non_members": "non_members",
        "image_size": 32,
        "splits": {
            "source_train": 10, "source_test": 10, "source_validation": 2, "shadow_train": 12, "shadow_test": 12,
        },
    },
    "cbig": {
        "source_model": {
            "weights": "f_s.safetensors",
            "arch": "./model.py:build",
            "preprocessing": {"mean": list(MEAN), "std": list(STD)},
            "cut": "layer1.0",
        }
    },
    "adversary": {"workers": 1},
    "timeline": [
        "load_source",
        "release",
        {"attack": {"kind": "gap"}},
        {"breach": {"fidelity": "full"}},
        {"attack": {"name": "after", "kind": "transmia", "num_shadows": 2, "shadow_size": 30, "head": {"steps": 2}}},
    ],
    "expect": [{"claim": "members are exposed", "that": "gap.auc > 0.5"}],
}  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Images of three classes, and ResNet-18 fitted for a moment on the members."""
    root = tmp_path_factory.mktemp("own")
    generator = np.random.default_rng(0)
    for side, number in (("members", 10), ("non_members", 36)):
        for label in "abc":
            (root / side / label).mkdir(parents=True)
            for index in range(number):
                pixels = generator.integers(0, 256, (32, 32, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(root / side / label / f"{index}.png")
    torch.manual_seed(0)
    save_file(resnet18(num_classes=3).state_dict(), root / "f_s.safetensors")
    (root / "model.py").write_text(MODEL)
    (root / "audit.yaml").write_text(yaml.safe_dump(SCENARIO))
    return root


@pytest.fixture(scope="module")
def played(folder: Path) -> Results:
    with Drill(folder / "audit.yaml", out=folder / "run") as drill:
        return drill.run()


def test_a_torchvision_model_is_loaded_released_leaked_and_attacked(played: Results) -> None:
    assert played.error is None
    assert played.models["source"].train_accuracy.num_examples == 30
    assert played.breaches[0].blocks == ["conv1", "bn1", "relu", "maxpool", "layer1_0"]
    assert [attack.name for attack in played.attacks] == ["gap", "after"]
    assert played.attacks[0].num_members == played.attacks[0].num_non_members == 30
    assert played.verdict in ("met", "undecided")


def test_the_users_module_stays_with_cbig(folder: Path, played: Results) -> None:
    for file in (folder / "run" / "parties").rglob("*"):
        if file.is_file() and "cbig" not in file.parts:
            assert b"model.py" not in file.read_bytes(), file


def test_folders_that_the_images_alone_tell_apart_leave_the_verdict_undecided_and_say_why(
    folder: Path, parties: LocalParties, tmp_path: Path
) -> None:
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True, ignore=shutil.ignore_patterns("run"))
    for file in (tmp_path / "members").rglob("*.png"):
        Image.fromarray(np.asarray(Image.open(file)) // 2).save(file)
    timeline = ["load_source", {"attack": {"kind": "gap"}}]
    (tmp_path / "audit.yaml").write_text(yaml.safe_dump(SCENARIO | {"timeline": timeline}))
    with Drill(tmp_path / "audit.yaml", out=tmp_path / "run", parties=parties) as drill:
        results = drill.run()
    assert results.verdict == "undecided"
    assert "data.members and data.non_members differ by more than membership" in str(results.undecided_because)


def refused(folder: Path, **settings: str) -> str:
    """What the scenario's deal, or cbig's loading of its model, is refused with."""
    overrides = [f"{key}={value}" for key, value in settings.items()]
    with pytest.raises(ScenarioError) as error:
        deal(load_scenario(folder / "audit.yaml", overrides).scenario.data, "key")
    return str(error.value)


def test_images_of_another_size_are_refused_by_name(folder: Path) -> None:
    told = refused(folder, **{"data.image_size": "48"})
    assert "members/a/0.png has 32 x 32 pixels, wanted 48 x 48: set data.image_size" in told
    scenario = load_scenario(folder / "audit.yaml", ["data.image_size=48", "data.resize=true"]).scenario
    assert len(deal(scenario.data, "key").is_member) == 60


def test_a_file_on_both_sides_and_a_class_on_one_are_refused_by_name(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder / "non_members", tmp_path / "others")
    shutil.copy(folder / "members" / "b" / "3.png", tmp_path / "others" / "b" / "0.png")
    others = {"data.non_members": str(tmp_path / "others")}
    told = refused(folder, **others)
    assert "members/b/3.png and " in told
    assert "others/b/0.png are the same file: it is a member or it is not; remove one of them" in told
    shutil.rmtree(tmp_path / "others" / "b")
    assert "data.members has 3 classes, data.non_members 2, and 'b' is in one only" in refused(folder, **others)
    assert "is no folder" in refused(folder, **{"data.non_members": str(tmp_path / "gone")})


def test_too_few_of_a_side_say_which_side(folder: Path) -> None:
    told = refused(folder, **{"data.splits.source_train": "11"})
    assert "class 'a' has 10 in data.members for source_train" in told


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"timeline": "[train_source]"}, "cbig.source_model has weights: put load_source in the place of train_source"),
        ({"cbig.source_model": "{arch: {kind: resnet18}, weights: a}"}, "are loaded into a model of your own: set"),
        ({"cbig.source_model.weights": "null"}, "a builder of your own is for a model that is trained already: set we"),
        ({"cbig.source_model.preprocessing": "null"}, "cbig.source_model.arch.mean: missing (subtracted from each"),
        ({"data": "{set: digits, splits: {source_train: 2, source_test: 2, source_validation: 2}}"}, "go together"),
        ({"data.target": "{classes: 2, train: 2, test: 2}"}, "data.target would hold back classes that the model"),
    ],
)  # fmt: skip
def test_what_does_not_go_together_is_refused_before_anything_is_read(
    settings: dict[str, str], told: str, folder: Path
) -> None:
    assert told in refused(folder, **settings)


def test_a_pickle_is_not_read_but_the_line_that_converts_it_is_said(tmp_path: Path) -> None:
    network = nn.Linear(2, 3)
    for zipped in (True, False):
        torch.save(network.state_dict(), tmp_path / "f_s.pt", _use_new_zipfile_serialization=zipped)
        with pytest.raises(ScenarioError, match=r"f_s.pt is a pickle, which could run anything .*weights_only=True"):
            read_weights(tmp_path / "f_s.pt")


def test_weights_that_are_nan_or_do_not_fit_the_builder_are_refused_by_their_keys(tmp_path: Path) -> None:
    network, file = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 2)), tmp_path / "f_s.safetensors"
    fits = network.state_dict()
    save_file(fits | {"0.bias": torch.tensor([0.0, torch.nan, 1.0])}, file)
    with pytest.raises(ScenarioError, match=r"0.bias has elements that are NaN or infinite"):
        read_weights(file)
    file.write_text("text")
    with pytest.raises(ScenarioError, match=r"is no safetensors file"):
        read_weights(file)
    with pytest.raises(ScenarioError, match=r"No such file"):
        read_weights(tmp_path / "gone")
    wrong = {key: value for key, value in fits.items() if key != "1.bias"} | {"0.weight": torch.zeros(3, 5)}
    with pytest.raises(ScenarioError, match=r"1 missing \(1.bias\); 1 of another shape \(0.weight \(3, 5\), wanted"):
        fill(network, wrong, file)
    with pytest.raises(ScenarioError, match=r"it was saved from torch.nn.DataParallel: save model.module"):
        fill(network, {f"module.{key}": value for key, value in fits.items()}, file)


def test_a_builder_that_will_not_do_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "model.py"
    file.write_text("def number():\n    return 3\n\ndef broken():\n    return 1 / 0\n")
    with pytest.raises(ScenarioError, match=r"returned a int, wanted a torch.nn.Module"):
        built(f"{file}:number")
    with pytest.raises(ScenarioError, match=r"ZeroDivisionError: division by zero"):
        built(f"{file}:broken")
    with pytest.raises(ScenarioError, match=r"ModuleNotFoundError: No module named 'nowhere'"):
        built("nowhere.models:build")
    assert isinstance(built("torchvision.models:resnet18"), nn.Module)


def test_the_pages_scenario_and_builder_are_read_and_its_line_converts(tmp_path: Path) -> None:
    found = re.findall(r"```(\w+)\n(.*?)```", PAGE.read_text(), re.DOTALL)
    blocks = dict(reversed(found))  # the first of each kind
    (tmp_path / "audit.yaml").write_text(blocks["yaml"])
    (tmp_path / "model.py").write_text(blocks["python"])
    scenario = load_scenario(tmp_path / "audit.yaml").scenario
    check_threat(scenario)
    assert scenario.cbig.source_model.weights == tmp_path / "f_s.safetensors"
    assert isinstance(scenario.cbig.source_model.arch, Own)
    network = built(scenario.cbig.source_model.arch.builder)
    torch.save(network.state_dict(), tmp_path / "f_s.pt")
    convert = blocks["sh"].splitlines()[0]
    assert convert == CONVERT
    program = shlex.split(convert)[2]
    subprocess.run([sys.executable, "-c", program], cwd=tmp_path, check=True, timeout=200)
    fill(network, read_weights(tmp_path / "f_s.safetensors"), tmp_path / "f_s.safetensors")
