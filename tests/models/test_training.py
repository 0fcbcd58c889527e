import math
from pathlib import Path

import numpy as np
import pytest
import torch
from colours import two_colours
from numpy.typing import NDArray
from torch import Tensor, nn

from leakdrill.archs import ResNet8, build, cut
from leakdrill.data.examples import Examples
from leakdrill.errors import InvalidInput, ScenarioError
from leakdrill.models.fit import Fit
from leakdrill.models.training import (
    TILE,
    descend,
    evaluate,
    fit_model,
    predict,
    softmax,
    to_tensor,
)

ARCH = ResNet8(width=8, stem_stride=2)
FIT = Fit(epochs=3, batch_size=16, learning_rate=0.05)


def weights(model: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def same(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return all(torch.equal(one[name], other[name]) for name in one)


def test_images_become_channels_last_floats_from_minus_one_to_one() -> None:
    image = np.zeros((2, 4, 5, 3), np.uint8)
    image[1, 2, 3] = (0, 255, 51)
    tensor = to_tensor(image)
    assert tensor.shape == (2, 3, 4, 5)
    assert tensor.is_contiguous(memory_format=torch.channels_last)
    assert tensor[1, :, 2, 3].tolist() == pytest.approx([-1, 1, -0.6])


def test_training_learns_what_can_be_learnt() -> None:
    model = build(ARCH, num_classes=2)
    fit_model(model, two_colours(128), FIT, seed=0)
    assert evaluate(model, two_colours(64, seed=1)).num_correct == 64
    assert not model.training


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_the_same_seed_gives_the_same_weights_and_another_seed_others(precision: str) -> None:
    fit = Fit(epochs=2, batch_size=16, flip=True, precision=precision)
    models = [build(ARCH, num_classes=2) for _ in range(3)]
    for model, seed in zip(models, (1, 1, 2), strict=True):
        torch.rand(1)  # what others draw from the global generator changes nothing
        fit_model(model, two_colours(40), fit, seed)
    assert same(weights(models[0]), weights(models[1]))
    assert not same(weights(models[0]), weights(models[2]))


def test_training_leaves_the_global_generator_alone() -> None:
    before = torch.random.get_rng_state()
    fit_model(build(ARCH, num_classes=2), two_colours(20), FIT, seed=0)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_a_memory_map_trains_as_the_same_array_does(tmp_path: Path) -> None:
    examples = two_colours(40)
    np.save(tmp_path / "inputs.npy", examples.inputs)
    mapped = Examples(np.load(tmp_path / "inputs.npy", mmap_mode="r"), examples.labels)
    models = [build(ARCH, num_classes=2) for _ in range(2)]
    for model, split in zip(models, (examples, mapped), strict=True):
        fit_model(model, split, FIT.model_copy(update={"flip": True}), seed=0)
    assert same(weights(models[0]), weights(models[1]))
    assert np.array_equal(predict(models[0], mapped.inputs), predict(models[0], examples.inputs))


def test_the_best_epoch_on_validation_is_kept_and_the_earliest_of_equals() -> None:
    accuracies = iter([0.25, 0.75, 0.5, 0.75])
    model, seen = nn.Linear(2, 2), []
    features, labels = torch.randn(8, 2, generator=torch.Generator().manual_seed(0)), np.arange(8) % 2

    def score() -> float:
        seen.append(weights(model))
        return next(accuracies)

    fit = Fit(epochs=4, batch_size=4)
    assert descend(model, lambda rows, mirrored: features[rows], labels, fit, seed=0, score=score) == 2
    assert same(weights(model), seen[1])
    assert not same(seen[1], seen[3])


def test_without_validation_the_last_epoch_is_kept() -> None:
    assert fit_model(build(ARCH, num_classes=2), two_colours(20), FIT, seed=0) == FIT.epochs


def test_validation_chooses_an_epoch_that_scores_as_it_did_then() -> None:
    held_out, messages = two_colours(30, seed=1), []
    model = build(ARCH, num_classes=2)
    best = fit_model(model, two_colours(40), FIT, 0, held_out, lambda fraction, message: messages.append(message))
    accuracy = evaluate(model, held_out).num_correct / 30
    assert f"validation accuracy {accuracy:.3f}" in messages[best - 1]


def test_progress_is_told_once_an_epoch() -> None:
    told: list[tuple[float, str]] = []
    fit_model(build(ARCH, num_classes=2), two_colours(20), FIT, 0, progress=lambda *args: told.append(args))
    assert [fraction for fraction, _ in told] == pytest.approx([1 / 3, 2 / 3, 1])
    assert told[0][1].startswith("epoch 1 of 3: loss ")


def test_a_diverging_training_says_to_lower_the_learning_rate() -> None:
    with pytest.raises(ScenarioError, match=r"the loss is (nan|inf) in epoch 1 of 1; lower .* now 1e\+20"):
        fit_model(build(ARCH, num_classes=2), two_colours(64), Fit(epochs=1, batch_size=8, learning_rate=1e20), seed=0)


def test_no_examples_and_single_examples_for_batch_norm_are_refused() -> None:
    model = build(ARCH, num_classes=2)
    with pytest.raises(InvalidInput, match="no examples"):
        fit_model(model, two_colours(0), FIT, seed=0)
    with pytest.raises(ScenarioError, match="at least 2 examples, got batch_size 1 and 20"):
        fit_model(model, two_colours(20), Fit(batch_size=1), seed=0)
    with pytest.raises(ScenarioError, match="at least 2 examples, got batch_size 16 and 1 "):
        fit_model(model, two_colours(1), FIT, seed=0)
    with pytest.raises(InvalidInput, match="no examples"):
        evaluate(model, two_colours(0))


def test_flip_mirrors_about_half_of_the_images_and_only_left_to_right() -> None:
    """A model that records what it is shown, on images whose columns count from 0 to 7 and rows are all equal."""
    shown: list[Tensor] = []

    class Recorder(nn.Linear):
        def forward(self, x: Tensor) -> Tensor:
            shown.append(x)
            return super().forward(x.flatten(1))

    columns = np.broadcast_to(np.arange(8, dtype=np.uint8)[None, None, :, None], (400, 8, 8, 3))
    fit_model(Recorder(192, 2), Examples(columns, np.zeros(400, np.int64)), Fit(epochs=1, flip=True), seed=0)
    seen = torch.cat(shown)
    expected = to_tensor(columns[:1])[0]
    mirrored = (seen == expected.flip(2)).all(dim=(1, 2, 3))
    assert ((seen == expected).all(dim=(1, 2, 3)) | mirrored).all()
    assert 150 < mirrored.sum() < 250


def test_a_step_is_momentum_descent_with_weight_decay() -> None:
    """Two steps on one example by hand: with equal logits the gradient of the right class's bias is -1/2."""
    model = nn.Linear(1, 2)
    nn.init.zeros_(model.weight)
    nn.init.zeros_(model.bias)
    fit = Fit(epochs=2, batch_size=1, learning_rate=0.5, momentum=0.9, weight_decay=0.1, schedule="constant")
    descend(model, lambda rows, mirrored: torch.zeros(1, 1), np.zeros(1, np.int64), fit, seed=0)
    first = 0.5 * 0.5
    gradient = -(1 - 1 / (1 + math.exp(-2 * first))) + 0.1 * first
    velocity = 0.9 * -0.5 + gradient
    assert model.bias[0].item() == pytest.approx(first - 0.5 * velocity)


def test_prediction_pads_to_whole_tiles_and_restores_every_modules_mode() -> None:
    sizes: list[int] = []

    class Recorder(nn.Flatten):
        def forward(self, x: Tensor) -> Tensor:
            assert not self.training
            sizes.append(len(x))
            return super().forward(x)

    model = nn.Sequential(Recorder(), nn.Dropout())
    model[1].eval()
    inputs = two_colours(TILE + 2).inputs
    assert predict(model, inputs).shape == (TILE + 2, 16 * 16 * 3)
    assert sizes == [TILE, TILE]
    assert (model.training, model[0].training, model[1].training) == (True, True, False)


def test_prediction_on_features_and_feature_maps_agrees_with_the_whole_model() -> None:
    model, inputs = build(ARCH, num_classes=3), two_colours(20).inputs
    for at, dims in ((None, 2), ("block2", 4)):
        feature_extractor, head = cut(model, at)
        features = predict(feature_extractor, inputs)
        assert features.ndim == dims
        assert features.dtype == np.float32
        assert np.array_equal(predict(head, features), predict(model, inputs))


def test_no_inputs_give_no_predictions() -> None:
    assert predict(build(ARCH, num_classes=3), np.zeros((0, 16, 16, 3), np.uint8)).shape == (0, 3)


def test_a_model_that_gives_nan_is_an_error_even_for_one_example() -> None:
    model = build(ARCH, num_classes=3)
    with torch.no_grad():
        model[-1].bias[1] = math.nan
    with pytest.raises(ScenarioError, match="NaN or infinity"):
        predict(model, two_colours(1).inputs)


def test_evaluation_counts_and_averages_the_loss() -> None:
    class Constant(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return torch.tensor([math.log(3.0), 0.0]).expand(len(x), 2)

    evaluation = evaluate(Constant(), Examples(np.zeros((4, 8, 8, 3), np.uint8), np.array([0, 0, 0, 1])))
    assert (evaluation.num_correct, evaluation.num_examples) == (3, 4)
    assert evaluation.mean_loss == pytest.approx(-(3 * math.log(0.75) + math.log(0.25)) / 4)


def test_softmax_survives_large_logits() -> None:
    probabilities = softmax(np.array([[1000, 1000, -1000], [0, 0, math.log(2)]], np.float32))
    expected: NDArray[np.float64] = np.array([[0.5, 0.5, 0], [0.25, 0.25, 0.5]])
    assert probabilities.dtype == np.float32
    assert np.allclose(probabilities, expected)
