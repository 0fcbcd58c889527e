import numpy as np
import pytest
import torch
from torch import Tensor, nn

from leakdrill.archs import ResNet8, build, cut
from leakdrill.data.examples import Examples
from leakdrill.models import transfer
from leakdrill.models.augment import Change
from leakdrill.models.fit import Fit
from leakdrill.models.training import evaluate, fit_model, predict, to_tensor
from leakdrill.models.transfer import Method, adapt, frozen_features

ARCH = ResNet8(width=8, stem_stride=2)
FIT = Fit(epochs=4, batch_size=16, learning_rate=0.1)


def three_colours(num: int, seed: int = 0) -> Examples:
    generator = np.random.default_rng(seed)
    labels = np.arange(num, dtype=np.int64) % 3
    inputs = generator.integers(0, 120, (num, 16, 16, 3), dtype=np.uint8)
    inputs[np.arange(num), :, :, labels] += 100
    return Examples(inputs, labels)


@pytest.fixture(scope="module")
def source_model() -> nn.Sequential:
    """A whole source model, trained a little so that its batch norm has seen something; tests cut it."""
    model = build(ARCH, num_classes=3, seed=1)
    fit_model(model, three_colours(60, seed=1), Fit(epochs=1, batch_size=16), seed=1)
    return model


def parts(source_model: nn.Sequential, at: str | None) -> tuple[nn.Sequential, nn.Sequential]:
    return cut(source_model, at)[0], cut(build(ARCH, num_classes=3, seed=9), at)[1]


def weights(module: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in module.state_dict().items()}


@pytest.mark.parametrize("at", [None, "block1"])
@pytest.mark.parametrize("method", ["freeze", "fine_tune"])
def test_the_new_model_learns_and_neither_argument_changes(
    source_model: nn.Sequential, at: str | None, method: Method
) -> None:
    feature_extractor, head = parts(source_model, at)
    before = weights(feature_extractor), weights(head)
    model = adapt(feature_extractor, head, three_colours(90), FIT, method, seed=0)
    after = weights(feature_extractor), weights(head)
    for old, new in zip(before, after, strict=True):
        assert all(torch.equal(old[name], new[name]) for name in old)
    assert evaluate(model, three_colours(60, seed=2)).num_correct > 50
    assert not model.training
    assert [name for name, _ in model.named_children()] == [name for name, _ in source_model.named_children()]


@pytest.mark.parametrize("at", [None, "block1"])
def test_freezing_keeps_the_extractor_bit_for_bit_and_fine_tuning_moves_it(
    source_model: nn.Sequential, at: str | None
) -> None:
    feature_extractor, head = parts(source_model, at)
    given = weights(feature_extractor)
    frozen, tuned = (
        weights(cut(adapt(feature_extractor, head, three_colours(48), FIT, method, seed=0), at)[0])
        for method in ("freeze", "fine_tune")
    )
    assert all(torch.equal(given[name], frozen[name]) for name in given)
    assert not torch.equal(given["stem.0.weight"], tuned["stem.0.weight"])
    assert not torch.equal(given["stem.1.running_mean"], tuned["stem.1.running_mean"])


def test_the_batch_norm_of_a_deep_head_learns_while_the_extractor_is_frozen(source_model: nn.Sequential) -> None:
    feature_extractor, head = parts(source_model, "block1")
    model = adapt(feature_extractor, head, three_colours(48), FIT, "freeze", seed=0)
    name = "block2.residual.1.running_mean"
    assert not torch.equal(model.state_dict()[name], head.state_dict()[name])


def test_freezing_computes_every_feature_once(source_model: nn.Sequential, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def counting(model: nn.Module, inputs: np.ndarray) -> np.ndarray:
        asked.append(len(inputs))
        return predict(model, inputs)

    monkeypatch.setattr(transfer, "predict", counting)
    adapt(*parts(source_model, None), three_colours(48), FIT, "freeze", seed=0)
    assert asked == [48]


def test_freezing_on_cached_features_gives_the_head_that_training_behind_the_extractor_gives(
    source_model: nn.Sequential,
) -> None:
    """The same descent with the extractor in front, in evaluation mode and without gradients."""

    class Behind(nn.Module):
        def __init__(self, frozen: nn.Sequential, head: nn.Sequential) -> None:
            super().__init__()
            self.frozen, self.head = frozen, head

        def forward(self, x: Tensor) -> Tensor:
            self.frozen.eval()
            with torch.no_grad():
                features = self.frozen(x)
            out: Tensor = self.head(features)
            return out

    train, fit = three_colours(48), FIT.model_copy(update={"flip": True, "precision": "float32"})
    feature_extractor, head = parts(source_model, None)
    cached = adapt(feature_extractor, head, train, fit, "freeze", seed=3)[-1]
    slow = Behind(feature_extractor, head)
    feature_extractor.requires_grad_(False)
    fit_model(slow, train, fit, seed=3)
    assert torch.allclose(cached.weight, slow.head[-1].weight, atol=1e-5)


@pytest.mark.parametrize("method", ["freeze", "fine_tune"])
def test_the_same_seed_gives_the_same_model(source_model: nn.Sequential, method: Method) -> None:
    one, same, other = (
        weights(adapt(*parts(source_model, "block2"), three_colours(40), FIT, method, seed)) for seed in (1, 1, 2)
    )
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert not torch.equal(one["head.weight"], other["head.weight"])


def test_features_of_mirrored_images_are_those_of_the_mirror_images(source_model: nn.Sequential) -> None:
    inputs = three_colours(6).inputs
    feature_extractor, _ = cut(source_model, "block1")
    gather = frozen_features(feature_extractor, inputs, Fit(flip=True))
    rows = np.array([1, 4, 5])
    got = gather(rows, Change(mirrored=np.array([True, False, True])))
    images = to_tensor(inputs[rows])
    images[[0, 2]] = images[[0, 2]].flip(3)
    with torch.no_grad():
        assert torch.allclose(got, feature_extractor(images), atol=1e-5)


@pytest.mark.parametrize("method", ["freeze", "fine_tune"])
def test_progress_ends_at_one(source_model: nn.Sequential, method: Method) -> None:
    told: list[float] = []
    adapt(
        *parts(source_model, None), three_colours(20), FIT, method, 0, lambda fraction, message: told.append(fraction)
    )
    assert told == pytest.approx([0.25, 0.5, 0.75, 1])
