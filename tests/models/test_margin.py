import math
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from colours import two_colours as coloured
from pydantic import ValidationError
from torch import nn
from torch.nn.functional import cross_entropy

from leakdrill.archs import SmallCnn, build, cut
from leakdrill.archs.head import Head
from leakdrill.data.digests import digests_of
from leakdrill.data.forms import ImageForm
from leakdrill.errors import ScenarioError
from leakdrill.models.artefact import Artefact
from leakdrill.models.cache import ModelCache
from leakdrill.models.fit import Fit
from leakdrill.models.margin import prepare_head, with_margin
from leakdrill.models.training import evaluate, fit_model, predict
from leakdrill.models.transfer import adapt
from leakdrill.shadows.pool import ShadowPool, random_halves, shadow_models
from leakdrill.shadows.recipes import FromScratch, Transferred

ARCH = SmallCnn(width=4, num_features=16)
two_colours = partial(coloured, size=12)
FITS = {
    "cosface": Fit(epochs=4, batch_size=16, learning_rate=0.05, loss="cosface", scale=16),
    "arcface": Fit(epochs=4, batch_size=16, learning_rate=0.05, loss="arcface", scale=16),
}
both_losses = pytest.mark.parametrize("fit", FITS.values(), ids=FITS)


def loss_by_hand(fit: Fit, features: list[float], label: int) -> float:
    """Of class weights along the axes, so that a feature's cosines are its coordinates over its length."""
    head = Head(2, 2)
    with torch.no_grad():
        head.weight.copy_(torch.tensor([[2.0, 0.0], [0.0, 5.0]]))
    model, labels = nn.Sequential(head), torch.tensor([label])
    prepare_head(model, fit)
    return cross_entropy(with_margin(model(torch.tensor([features])), labels, fit), labels).item()


def softplus(x: float) -> float:
    return math.log1p(math.exp(x))


def test_cosface_takes_its_margin_from_the_true_class_cosine() -> None:
    fit = Fit(loss="cosface", scale=10, margin=0.1)
    # cosines 0.6 and 0.8: the true class's becomes 0.5 or 0.7
    assert loss_by_hand(fit, [3, 4], 0) == pytest.approx(softplus(10 * (0.8 - 0.5)))
    assert loss_by_hand(fit, [3, 4], 1) == pytest.approx(softplus(10 * (0.6 - 0.7)))


def test_arcface_adds_its_margin_to_the_true_class_angle() -> None:
    fit = Fit(loss="arcface", scale=10, margin=0.3)
    assert loss_by_hand(fit, [3, 4], 0) == pytest.approx(softplus(10 * (0.8 - math.cos(math.acos(0.6) + 0.3))))


def test_arcface_falls_on_where_angle_and_margin_pass_pi() -> None:
    fit = Fit(loss="arcface", scale=1, margin=0.5)
    labels = torch.zeros(181, dtype=torch.int64)
    cosines = torch.linspace(0, math.pi, 181).cos()
    targets = with_margin(torch.stack([cosines, cosines], dim=1), labels, fit)[:, 0]
    assert (targets.diff() < 0).all()
    assert targets[-1].item() == pytest.approx(-1 - 0.5 * math.sin(0.5))


@pytest.mark.parametrize("loss", ["cosface", "arcface"])
@pytest.mark.parametrize("cosine", [-1.0, 1.0])
def test_gradients_are_finite_at_the_ends_of_the_cosine(loss: str, cosine: float) -> None:
    logits = torch.tensor([[64 * cosine, 0.0]], requires_grad=True)
    with_margin(logits, torch.tensor([0]), Fit(loss=loss)).sum().backward()  # type: ignore[arg-type,no-untyped-call]
    assert logits.grad is not None
    assert logits.grad.isfinite().all()


def test_the_defaults_are_the_papers() -> None:
    assert (Fit(loss="cosface").loss_scale, Fit(loss="cosface").loss_margin) == (64, 0.35)
    assert (Fit(loss="arcface").loss_scale, Fit(loss="arcface").loss_margin) == (64, 0.5)


@pytest.mark.parametrize("given", [{"scale": 30}, {"margin": 0.2}])
def test_softmax_takes_no_scale_and_no_margin(given: dict[str, float]) -> None:
    with pytest.raises(ValidationError, match="takes no scale and no margin"):
        Fit.model_validate(given)


def test_softmax_leaves_head_and_logits_as_they_are() -> None:
    model, logits = build(ARCH, 2), torch.randn(3, 2)
    before = list(model.state_dict())
    prepare_head(model, Fit())
    assert list(model.state_dict()) == before
    assert with_margin(logits, torch.tensor([0, 1, 0]), Fit()) is logits


@both_losses
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_model_trained_with_a_margin_learns_and_answers_with_scaled_cosines(fit: Fit, precision: str) -> None:
    model = build(ARCH, 2)
    fit_model(model, two_colours(96), fit.model_copy(update={"precision": precision}), seed=0)
    fresh = two_colours(64, seed=1)
    assert evaluate(model, fresh).num_correct == 64
    features = predict(cut(model)[0], fresh.inputs)
    weights = model.get_submodule("head").weight.detach().numpy()  # type: ignore[union-attr,operator]
    assert features.shape == (64, 16)
    lengths = np.linalg.norm(features, axis=1)[:, None] * np.linalg.norm(weights, axis=1)
    assert predict(model, fresh.inputs) == pytest.approx(16 * features @ weights.T / lengths, abs=1e-3)


@both_losses
def test_the_margin_pulls_classes_further_apart_than_the_same_loss_without(fit: Fit) -> None:
    gaps = []
    for margin in (0.0, fit.loss_margin):
        model, train = build(ARCH, 2), two_colours(96)
        fit_model(model, train, fit.model_copy(update={"margin": margin, "epochs": 2}), seed=0)
        logits = predict(model, train.inputs)
        rows = np.arange(len(train))
        gaps.append(float((logits[rows, train.labels] - logits[rows, 1 - train.labels]).mean()))
    assert gaps[1] > gaps[0]


def test_a_model_that_does_not_end_in_a_head_is_refused_before_training() -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(432, 2), nn.Tanh())
    with pytest.raises(ScenarioError, match="ends in a Tanh: use loss: softmax"):
        fit_model(model, two_colours(8), FITS["cosface"], seed=0)


@both_losses
@pytest.mark.parametrize("method", ["freeze", "fine_tune"])
def test_csmalls_head_is_fitted_with_a_margin_on_any_extractor(fit: Fit, method: str) -> None:
    extractor, head = cut(build(ARCH, 2))
    before = {name: tensor.clone() for name, tensor in extractor.state_dict().items()}
    model = adapt(extractor, head, two_colours(96), fit, method, seed=0)  # type: ignore[arg-type]
    assert evaluate(model, two_colours(64, seed=1)).num_correct >= 60
    assert np.abs(predict(model, two_colours(64, seed=1).inputs)).max() <= 16 * 1.001
    assert head.get_submodule("head").cosine_scale is None  # the argument is not changed
    assert all(torch.equal(before[name], tensor) for name, tensor in extractor.state_dict().items())


def test_a_shadow_without_an_architecture_gets_a_head_that_takes_a_margin() -> None:
    leaked = Artefact.of("feature_extractor", ARCH, cut(build(ARCH, 2))[0], ImageForm(12))
    recipe = Transferred.of(leaked, None, 2, FITS["cosface"], "freeze")
    assert _largest(recipe.make(two_colours(32), seed=0)) <= 16 * 1.001


def test_shadows_from_the_cache_answer_as_those_that_were_trained(tmp_path: Path) -> None:
    examples = two_colours(32)
    digests = digests_of(examples)
    recipe = FromScratch(ARCH, 2, FITS["arcface"])
    pool = ShadowPool(recipe, examples, digests, random_halves(digests, 1, seed=0), seed=0)
    made, again = (
        [predict(model, examples.inputs) for model in shadow_models(pool, ModelCache(tmp_path), 1, _quiet)]
        for _ in range(2)
    )
    assert np.array_equal(made, again)
    assert np.abs(made).max() <= 16 * 1.001


def _largest(model: nn.Module) -> float:
    return float(np.abs(predict(model, two_colours(32).inputs)).max())


def _quiet(fraction: float, message: str) -> None:
    pass
