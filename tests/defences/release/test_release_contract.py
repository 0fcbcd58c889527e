"""What every release defence owes, whoever wrote it. A registered one without a case here fails the first test."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from leakdrill.archs import ResNet8, build, cut
from leakdrill.data.examples import Examples
from leakdrill.data.forms import ImageForm
from leakdrill.defences.release import RELEASE_DEFENCES, ReleaseDefence, Releaser, obfuscate
from leakdrill.defences.release.distillation import Distillation
from leakdrill.defences.release.pruning import Pruning
from leakdrill.defences.release.quantisation import Quantisation
from leakdrill.defences.release.reinitialised_blocks import ReinitialisedBlocks
from leakdrill.defences.release.weight_noise import WeightNoise
from leakdrill.models.artefact import Artefact
from leakdrill.models.cache import ModelCache
from leakdrill.models.fit import Fit
from leakdrill.models.training import evaluate, fit_model
from leakdrill.models.transfer import adapt

ARCH, FORM, NUM_CLASSES = ResNet8(width=4, stem_stride=2), ImageForm(16), 3
QUICK = Fit(epochs=3, batch_size=16, learning_rate=0.05)
CASES: dict[str, ReleaseDefence] = {
    "weight_noise": WeightNoise(),
    "pruning": Pruning(),
    "pruning_together": Pruning(scope="global"),
    "quantisation": Quantisation(bits=4),
    "reinitialised_blocks": ReinitialisedBlocks(),
    "distillation": Distillation(fit=QUICK),
}
OFF = [WeightNoise(deviations=0), Pruning(fraction=0), Quantisation(bits=32), ReinitialisedBlocks(blocks=0)]

every_defence = pytest.mark.parametrize("name", CASES)
Obfuscated = Callable[..., Artefact]


def coloured(num_of_each: int, seed: int) -> Examples:
    """Images of three classes: mostly red, green or blue."""
    labels = np.repeat(np.arange(NUM_CLASSES), num_of_each)
    inputs = np.random.default_rng(seed).integers(0, 120, (len(labels), *FORM.shape), dtype=np.uint8)
    inputs[np.arange(len(labels)), :, :, labels] += 120
    return Examples(inputs, labels)


@pytest.fixture(scope="module")
def whole() -> Artefact:
    """All of a trained source model."""
    model = build(ARCH, NUM_CLASSES, seed=3)
    fit_model(model, coloured(16, seed=1), QUICK, seed=4)
    return Artefact.of_source_model(ARCH, model, FORM, NUM_CLASSES, None)


@pytest.fixture(scope="module")
def g_s(whole: Artefact) -> Artefact:
    return whole.feature_extractor()


@pytest.fixture(scope="module")
def cbig(tmp_path_factory: pytest.TempPathFactory) -> Releaser:
    public = coloured(8, seed=2).inputs
    cache = ModelCache(tmp_path_factory.mktemp("models"))
    return Releaser(lambda: public, {"model": "this"}, 5, cache, lambda fraction, message: None)


def same(one: Artefact, other: Artefact) -> bool:
    return one.weights.keys() == other.weights.keys() and all(
        torch.equal(one.weights[name], other.weights[name]) for name in one.weights
    )


def test_every_release_defence_has_a_case() -> None:
    assert {defence.kind for defence in CASES.values()} == set(RELEASE_DEFENCES)


@every_defence
@pytest.mark.parametrize("released", ["feature_extractor", "source_model"])
def test_what_leaves_is_described_as_before_and_can_be_sent_and_rebuilt_but_is_another(
    name: str, released: str, whole: Artefact, cbig: Releaser
) -> None:
    artefact = whole if released == "source_model" else whole.feature_extractor()
    own = replace(cbig, made_of={"model": released})
    before = {key: tensor.clone() for key, tensor in artefact.weights.items()}
    left = obfuscate([CASES[name]], artefact, own)
    assert same(artefact, replace(artefact, weights=before))  # cbig's own stays as it was
    assert left.description == artefact.description
    received = Artefact.from_parts(left.to_parts())
    images = torch.rand(2, 3, 16, 16)
    assert received.module()(images).shape == artefact.module()(images).shape
    assert not torch.allclose(received.module()(images), artefact.module()(images))
    assert {key: (tensor.shape, tensor.dtype) for key, tensor in left.weights.items()} == {
        key: (tensor.shape, tensor.dtype) for key, tensor in artefact.weights.items()
    }


@every_defence
@pytest.mark.parametrize("method", ["freeze", "fine_tune"])
def test_csmall_can_still_build_on_what_it_gets(name: str, method: str, g_s: Artefact, cbig: Releaser) -> None:
    left = obfuscate([CASES[name]], g_s, cbig)
    _, head = cut(build(ARCH, NUM_CLASSES, seed=8))
    fit = Fit(epochs=10, batch_size=8, learning_rate=0.05)
    adapted = adapt(left.module(), head, coloured(8, seed=6), fit, "freeze" if method == "freeze" else "fine_tune", 9)
    result = evaluate(adapted, coloured(10, seed=7))
    assert result.num_correct / result.num_examples > 0.6


@every_defence
def test_the_same_seed_obfuscates_alike_and_what_is_drawn_hangs_on_it(
    name: str, g_s: Artefact, cbig: Releaser, tmp_path: Path
) -> None:
    first = obfuscate([CASES[name]], g_s, cbig)
    assert same(first, obfuscate([CASES[name]], g_s, replace(cbig, cache=ModelCache(tmp_path))))
    is_drawn = name in {"weight_noise", "reinitialised_blocks", "distillation"}
    assert same(first, obfuscate([CASES[name]], g_s, replace(cbig, seed=6))) != is_drawn


@pytest.mark.parametrize("defence", OFF, ids=repr)
def test_a_defence_that_is_off_gives_back_the_very_artefact(
    defence: ReleaseDefence, g_s: Artefact, cbig: Releaser
) -> None:
    assert obfuscate([defence], g_s, cbig) is g_s


def test_defences_follow_one_another_each_with_a_draw_of_its_own(g_s: Artefact, cbig: Releaser) -> None:
    noisy = obfuscate([WeightNoise()], g_s, cbig)
    assert same(obfuscate([WeightNoise(), Pruning()], g_s, cbig), obfuscate([Pruning()], noisy, cbig))
    twice, once_more = obfuscate([WeightNoise(), WeightNoise()], g_s, cbig), obfuscate([WeightNoise()], noisy, cbig)
    assert not same(twice, once_more)


def test_a_student_is_trained_once_for_what_made_it(g_s: Artefact, cbig: Releaser, tmp_path: Path) -> None:
    own = replace(cbig, cache=ModelCache(tmp_path))
    student, again = Distillation(fit=QUICK), Distillation(fit=QUICK)
    for defences in ([student], [again], [WeightNoise(), student], [WeightNoise(deviations=0.1), student]):
        obfuscate(defences, g_s, own)
    assert len(list(tmp_path.glob("*/meta.json"))) == 3  # of three teachers
