import pytest
import torch

from leakdrill.archs import ResNet8, build, cut
from leakdrill.data.forms import ImageForm
from leakdrill.errors import ScenarioError
from leakdrill.models.artefact import Artefact
from leakdrill.models.fidelity import degrade
from leakdrill.scenario.steps import Fidelity


@pytest.fixture(scope="module")
def whole() -> Artefact:
    arch = ResNet8(width=8)
    feature_extractor, _ = cut(build(arch, num_classes=5, seed=3))
    return Artefact.of("feature_extractor", arch, feature_extractor, form=ImageForm(32))


def difference(a: Artefact, b: Artefact) -> float:
    return max(float((a.weights[name].float() - b.weights[name].float()).abs().max()) for name in b.weights)


def test_full_fidelity_changes_no_bit(whole: Artefact) -> None:
    leaked = degrade(whole, Fidelity(), seed=1)
    assert leaked.description == whole.description
    assert all(torch.equal(leaked.weights[name], whole.weights[name]) for name in whole.weights)


def test_the_first_blocks_leak_and_the_others_do_not(whole: Artefact) -> None:
    leaked = degrade(whole, Fidelity(blocks=2), seed=1)
    assert leaked.description.blocks == ["stem", "block1"]
    assert {name.split(".")[0] for name in leaked.weights} == {"stem", "block1"}
    leaked.module()  # and they can be rebuilt


def test_more_blocks_than_there_are_is_an_error_that_names_them(whole: Artefact) -> None:
    with pytest.raises(ScenarioError, match=r"fidelity.blocks is 9, but the artefact has 5: stem, block1"):
        degrade(whole, Fidelity(blocks=9), seed=1)


def test_fewer_bits_cost_precision(whole: Artefact) -> None:
    half, byte = degrade(whole, Fidelity(bits=16), seed=1), degrade(whole, Fidelity(bits=8), seed=1)
    assert 0 < difference(half, whole) < difference(byte, whole)
    kernel = byte.weights["stem.0.weight"]
    assert len(kernel.unique()) <= 255
    half.module(), byte.module()


def test_noise_has_the_stated_size_and_depends_on_the_seed(whole: Artefact) -> None:
    name = max(whole.weights, key=lambda key: whole.weights[key].numel())
    original = whole.weights[name]
    noisy = degrade(whole, Fidelity(noise=0.5), seed=1).weights[name]
    assert float((noisy - original).std() / original.std()) == pytest.approx(0.5, rel=0.05)
    assert torch.equal(noisy, degrade(whole, Fidelity(noise=0.5), seed=1).weights[name])
    assert not torch.equal(noisy, degrade(whole, Fidelity(noise=0.5), seed=2).weights[name])


def test_running_variances_stay_usable_under_heavy_noise(whole: Artefact) -> None:
    leaked = degrade(whole, Fidelity(noise=5.0), seed=1)
    assert torch.isfinite(leaked.module()(torch.rand(2, 3, 32, 32))).all()
