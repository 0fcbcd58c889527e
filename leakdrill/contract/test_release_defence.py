"""The contract of a defence at release time, on the one that --plugin names."""

from pathlib import Path

import numpy as np
import pytest
import torch

from leakdrill.archs import build, cut
from leakdrill.contract.defended import ARCH, FORM, NUM_CLASSES, coloured, named
from leakdrill.defences.release import ReleaseDefence, Releaser, obfuscate
from leakdrill.models.artefact import Artefact
from leakdrill.models.cache import ModelCache
from leakdrill.models.training import predict


@pytest.fixture
def defence(request: pytest.FixtureRequest) -> ReleaseDefence:
    given = named(request)
    assert isinstance(given, ReleaseDefence)
    return given


def g_s() -> Artefact:
    return Artefact.of("feature_extractor", ARCH, cut(build(ARCH, NUM_CLASSES, seed=5))[0], FORM)


def released(defence: ReleaseDefence, directory: Path) -> Artefact:
    releaser = Releaser(
        lambda: coloured(8, seed=1).inputs, {}, 7, ModelCache(directory), lambda fraction, message: None
    )
    return obfuscate([defence], g_s(), releaser)


def test_csmall_can_build_on_what_leaves_as_on_what_was_made(defence: ReleaseDefence, tmp_path: Path) -> None:
    artefact = released(defence, tmp_path)
    assert artefact.description == g_s().description
    kinds = {name: (tensor.shape, tensor.dtype) for name, tensor in artefact.weights.items()}
    assert kinds == {name: (tensor.shape, tensor.dtype) for name, tensor in g_s().weights.items()}
    assert np.isfinite(predict(artefact.module(), coloured(4, seed=4).inputs)).all()


def test_it_travels(defence: ReleaseDefence, tmp_path: Path) -> None:
    artefact = released(defence, tmp_path)
    arrived = Artefact.from_parts(artefact.to_parts())
    assert all(torch.equal(tensor, artefact.weights[name]) for name, tensor in arrived.weights.items())


def test_the_same_seed_makes_the_same_artefact_whatever_the_global_generator(
    defence: ReleaseDefence, tmp_path: Path
) -> None:
    torch.manual_seed(1)
    once = released(defence, tmp_path / "once")
    torch.manual_seed(2)
    again = released(defence, tmp_path / "again")
    for name, tensor in once.weights.items():
        assert torch.equal(tensor, again.weights[name]), name


def test_its_check_accepts_what_it_can_obfuscate(defence: ReleaseDefence) -> None:
    defence.check(g_s().description.blocks)
