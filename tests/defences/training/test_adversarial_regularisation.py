"""adversarial_regularisation: its classifier sees members and others in one way, and so tells them by nothing else."""

import math

import numpy as np
import pytest
import torch

from leakdrill.archs import build
from leakdrill.archs.small_cnn import SmallCnn
from leakdrill.data.examples import Examples
from leakdrill.defences.training import AdversarialRegularisation, Dropout
from leakdrill.defences.training.adversarial_regularisation import Opponent
from leakdrill.defences.training.base import Course
from leakdrill.models.fit import Fit
from leakdrill.models.margin import prepare_head
from leakdrill.models.training import gathering
from tests.defences.training.fits import NUM_CLASSES, TRAIN

BATCH_NORM = SmallCnn(width=4, num_features=8)
#: Examples that cannot be told apart, whatever the network.
ALIKE = Examples(np.repeat(TRAIN.inputs[:1], 16, axis=0), np.repeat(TRAIN.labels[:1], 16))


def course(train: Examples, held_out: Examples, fit: Fit) -> Course:
    model = build(BATCH_NORM, NUM_CLASSES, seed=5).train()
    plain = Course(
        model, model, gathering(train), train, fit, seed=7, secret=8, held_out=held_out, public=None, score=None
    )
    return Dropout(rate=0.5).changed(plain)


@pytest.mark.parametrize("fit", [Fit(batch_size=16), Fit(batch_size=16, loss="cosface")], ids=["softmax", "margin"])
def test_examples_that_are_alike_leave_the_classifier_at_chance_whatever_training_does_to_its_own(fit: Fit) -> None:
    training = course(ALIKE, ALIKE, fit)
    prepare_head(training.model, fit)
    opponent = Opponent(AdversarialRegularisation(warm_up=0, inner_steps=50), training, ALIKE)
    inputs, labels = gathering(ALIKE)(np.arange(16), None), torch.from_numpy(ALIKE.labels)
    assert opponent.penalty(inputs, labels).item() == pytest.approx(math.log(0.5), abs=0.01)
    assert all(module.training for module in training.learner.modules())  # it goes on as it was


def test_the_fit_changes_the_reference_as_it_changes_members() -> None:
    one = Examples(TRAIN.inputs[:1], TRAIN.labels[:1])
    opponent = Opponent(AdversarialRegularisation(warm_up=0), course(ALIKE, one, Fit(flip=True, translate=2)), one)
    scores, _ = opponent._others(400)
    assert len(torch.unique(scores.round(decimals=5), dim=0)) == 2 * (4 * 2 + 1)  # mirrored or not, at each place
    plain = Opponent(AdversarialRegularisation(warm_up=0), course(ALIKE, one, Fit()), one)
    assert len(torch.unique(plain._others(400)[0].round(decimals=5), dim=0)) == 1
