"""The contract of a defence at training time, on the one that --plugin names."""

import json

import numpy as np
import pytest
import torch

from leakdrill.archs import build
from leakdrill.contract.defended import ARCH, FIT, NUM_CLASSES, coloured, named
from leakdrill.defences.training import TrainingAccount, fit_defended
from leakdrill.defences.training.base import TrainingDefence
from leakdrill.models.training import predict


@pytest.fixture
def defence(request: pytest.FixtureRequest) -> TrainingDefence:
    given = named(request)
    assert isinstance(given, TrainingDefence)
    return given


def trained(defence: TrainingDefence) -> tuple[torch.nn.Sequential, TrainingAccount]:
    model = build(ARCH, NUM_CLASSES, seed=5)
    held_out, public = coloured(6, seed=2), coloured(6, seed=3)
    account = fit_defended(model, coloured(8, seed=1), FIT, [defence], 7, held_out, public=public, secret=11)
    return model, account


def test_what_is_served_has_the_blocks_and_the_weights_of_its_architecture(defence: TrainingDefence) -> None:
    model, _ = trained(defence)
    blank = build(ARCH, NUM_CLASSES)
    assert [name for name, _ in model.named_children()] == [name for name, _ in blank.named_children()]
    shapes = {name: tensor.shape for name, tensor in model.state_dict().items()}
    assert shapes == {name: tensor.shape for name, tensor in blank.state_dict().items()}
    assert not model.training


def test_its_answers_are_numbers(defence: TrainingDefence) -> None:
    assert np.isfinite(predict(trained(defence)[0], coloured(4, seed=4).inputs)).all()


def test_the_same_seed_makes_the_same_model_whatever_the_global_generator(defence: TrainingDefence) -> None:
    torch.manual_seed(1)
    once, _ = trained(defence)
    torch.manual_seed(2)
    again, _ = trained(defence)
    for name, tensor in once.state_dict().items():
        assert torch.equal(tensor, again.state_dict()[name]), name


def test_what_it_says_of_itself_can_be_written_down(defence: TrainingDefence) -> None:
    json.dumps(trained(defence)[1].notes, allow_nan=False)
