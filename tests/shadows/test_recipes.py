import pickle
from pathlib import Path

import numpy as np
import pytest
import torch

from leakdrill.archs import ResNet8
from leakdrill.contract.worlds import ARCH, NUM_CLASSES, NUM_TARGET_CLASSES, images, leaked
from leakdrill.defences.training import EarlyStopping
from leakdrill.errors import ScenarioError
from leakdrill.models.fit import Fit
from leakdrill.shadows import Beside, FromScratch, ThroughTarget, TrainedWith, Transferred, num_fresh_blocks

FIT = Fit(epochs=2, batch_size=16)
BLOCKS = ["conv1", "conv2", "pool", "dense", "head"]


def train(per_class: int = 8):
    return images(np.random.default_rng(1), per_class)


def unchanged_blocks(model: torch.nn.Module) -> list[str]:
    state = model.state_dict()
    same = {key: torch.equal(state[key], value) for key, value in leaked().weights.items()}
    return [block for block in BLOCKS[:4] if all(same[key] for key in same if key.startswith(f"{block}."))]


@pytest.mark.parametrize("at", [None, "conv2", "conv1"])
def test_freezing_keeps_all_that_leaked_and_trains_what_did_not(at: str | None) -> None:
    model = Transferred.of(leaked(at), ARCH, NUM_CLASSES, FIT, "freeze").make(train(), seed=1)
    assert [name for name, _ in model.named_children()] == BLOCKS
    kept = {"conv1": ["conv1", "pool"], "conv2": ["conv1", "conv2", "pool"], None: BLOCKS[:4]}[at]
    assert unchanged_blocks(model) == kept  # pool has no weights


def test_fine_tuning_starts_from_the_leak_and_leaves_it() -> None:
    recipe = Transferred.of(leaked(), ARCH, NUM_CLASSES, Fit(epochs=1, learning_rate=1e-6), "fine_tune")
    model = recipe.make(train(), seed=1)
    weights = model.state_dict()
    for key, value in leaked().weights.items():
        if "running" not in key and "num_batches" not in key:
            torch.testing.assert_close(weights[key], value, rtol=0, atol=1e-4)
    assert not torch.equal(weights["conv1.0.weight"], leaked().weights["conv1.0.weight"])


def test_a_shadow_of_the_target_model_answers_in_target_classes() -> None:
    target_train = images(np.random.default_rng(2), 5, NUM_TARGET_CLASSES)
    recipe = ThroughTarget(
        FromScratch(ARCH, NUM_CLASSES, FIT), Beside.of(target_train), NUM_TARGET_CLASSES, FIT, "freeze"
    )
    model = recipe.make(train(), seed=1)
    recipe.blank().load_state_dict(model.state_dict())  # raises where it is made of other layers
    assert model[-1].out_features == NUM_TARGET_CLASSES
    # TL1 and TL2: its frozen layers are those of a source model trained on the shadow's own examples
    other = recipe.make(images(np.random.default_rng(3), 8), seed=1)
    assert not torch.equal(model.state_dict()["dense.0.weight"], other.state_dict()["dense.0.weight"])


def test_a_portable_recipe_leaves_its_examples_behind_and_makes_the_same(tmp_path: Path) -> None:
    beside = Beside.of(images(np.random.default_rng(2), 40))
    source = FromScratch(ARCH, NUM_CLASSES, FIT, TrainedWith((EarlyStopping(patience=1),), beside, beside))
    size_bytes = images(np.random.default_rng(2), 40).inputs.nbytes
    for recipe in (source, ThroughTarget(source, beside, NUM_CLASSES, FIT, "freeze")):
        portable = recipe.portable(tmp_path)
        assert len(pickle.dumps(recipe)) > size_bytes > 10 * len(pickle.dumps(portable))
        one, other = (each.make(train(), seed=1).state_dict() for each in (recipe, portable))
        assert all(torch.equal(one[name], other[name]) for name in one)
    assert source.portable(tmp_path).made_of() == source.made_of()


@pytest.mark.parametrize("method", ["scratch", "freeze", "fine_tune"])
def test_the_seed_decides_everything(method: str) -> None:
    recipe = (
        FromScratch(ARCH, NUM_CLASSES, FIT)
        if method == "scratch"
        else Transferred.of(leaked("conv1"), ARCH, NUM_CLASSES, FIT, method)
    )
    once, again, other = (recipe.make(train(), seed).state_dict()["head.weight"] for seed in (1, 1, 2))
    assert torch.equal(once, again)
    assert not torch.equal(once, other)


def test_what_did_not_leak_is_known_from_the_architecture() -> None:
    assert num_fresh_blocks(leaked(), ARCH) == 1
    assert num_fresh_blocks(leaked("conv2"), ARCH) == 3


@pytest.mark.parametrize("method", ["freeze", "fine_tune"])
def test_without_an_architecture_a_linear_head_is_put_on_the_features(method: str) -> None:
    assert num_fresh_blocks(leaked(), None) == 1
    recipe = Transferred.of(leaked(), None, NUM_CLASSES, FIT, method)
    once, again = (recipe.make(train(), seed=1) for _ in range(2))
    assert [name for name, _ in once.named_children()] == BLOCKS
    assert torch.equal(once[-1].weight, again[-1].weight)


def test_feature_maps_without_an_architecture_are_an_error_that_says_what_is_missing() -> None:
    with pytest.raises(ScenarioError, match=r"feature maps \(4, 4, 4\).*grant adversary\.knows\.architecture"):
        num_fresh_blocks(leaked("conv1"), None)


def test_a_leak_from_another_architecture_is_refused() -> None:
    with pytest.raises(ScenarioError, match="not the first blocks of resnet8"):
        Transferred.of(leaked(), ResNet8(), NUM_CLASSES, FIT, "freeze")
