"""Adversarial regularisation (Nasr, Shokri and Houmansadr 2018, "Machine Learning with Membership Privacy using
Adversarial Regularization", algorithm 1), with the networks of Label-Only, appendix D."""

from dataclasses import replace
from itertools import pairwise
from typing import Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, logsigmoid, one_hot

from leakdrill.archs.initialise import initialise
from leakdrill.data.examples import Examples
from leakdrill.defences.training.base import Course, TrainingDefence
from leakdrill.errors import ScenarioError
from leakdrill.models.augment import draw_change
from leakdrill.models.batches import num_batches
from leakdrill.models.device import current
from leakdrill.models.training import evaluating, gathering
from leakdrill.seeds import derive, numpy_generator, torch_generator

#: Units of the layers that see the scores, those that see the label, and those that see both.
FROM_SCORES, FROM_LABEL, JOINT = (100, 1024, 512, 64), (100, 512, 64), (256, 64)
LEARNING_RATE = 1e-3  # of Adam, as in Nasr et al., section 4


class AdversarialRegularisation(TrainingDefence):
    """Training against a membership classifier of the owner's own, in turns (Nasr et al. 2018, algorithm 1).

    After `warm_up` epochs, each step first trains the classifier to tell the batch's scores and labels from those of
    as many held-out examples, `inner_steps` times, and then adds `strength` times the log of what it says of the batch
    to the loss. Both sides' scores are those that would be served: in evaluation mode and single precision, without a
    loss's margin, of inputs changed in the same ways. Otherwise telling training's scores from others would win.

    Where we depart: the reference examples are source_validation, which also chooses the epoch unless `keep` is last;
    Label-Only (appendix D) has others for that.
    """

    kind: Literal["adversarial_regularisation"] = "adversarial_regularisation"
    strength: float = Field(1.0, ge=0, le=1000, description="lambda; 0 is no defence")
    inner_steps: int = Field(1, ge=1, le=100, description="k: of the classifier, for each step of the model")
    warm_up: int = Field(3, ge=0, le=1000, description="epochs before it starts")

    def changed(self, course: Course) -> Course:
        if self.strength == 0:
            return course
        if course.held_out is None:
            raise ScenarioError(
                "adversarial_regularisation needs held-out examples to compare with, of which there are none here"
            )
        opponent = Opponent(self, course, course.held_out)
        return replace(course, hooks=replace(course.hooks, penalty=opponent.penalty))


class Opponent:
    """The classifier, and its side of the game."""

    def __init__(self, defence: AdversarialRegularisation, course: Course, reference: Examples) -> None:
        self._defence, self._course, self._reference = defence, course, reference
        self._gather = gathering(reference)
        num_copies = len(course.train) * course.fit.copies
        self._steps_to_wait = defence.warm_up * num_batches(num_copies, course.fit.batch_size)
        seed = derive(course.seed, defence.kind)
        self._drawing = numpy_generator(seed, "reference")
        head = course.model[-1]
        assert isinstance(head, nn.Linear)
        self._network = _MembershipNetwork(head.out_features)
        initialise(self._network, torch_generator(seed, "initial weights"))
        self._network.to(current())
        self._optimiser = torch.optim.Adam(self._network.parameters(), LEARNING_RATE)

    def penalty(self, inputs: Tensor, labels: Tensor) -> Tensor:
        """strength * mean log h(f(x), y) of a batch, for the learner's inputs (B, ...) and labels (B,)."""
        if self._steps_to_wait:
            self._steps_to_wait -= 1
            return inputs.new_zeros(())
        scores = _scores(self._course.learner, inputs)
        for _ in range(self._defence.inner_steps):
            self._learn(scores.detach(), labels)
        return self._defence.strength * logsigmoid(self._network(scores, labels)).mean()

    def _learn(self, scores: Tensor, labels: Tensor) -> None:
        """One step towards telling these members from as many others."""
        others, other_labels = self._others(len(labels))
        log_odds = self._network(torch.cat([scores, others]), torch.cat([labels, other_labels]))
        is_member = torch.cat([scores.new_ones(len(scores)), others.new_zeros(len(others))])
        self._optimiser.zero_grad()
        binary_cross_entropy_with_logits(log_odds, is_member).backward()  # type: ignore[no-untyped-call]
        self._optimiser.step()

    def _others(self, count: int) -> tuple[Tensor, Tensor]:
        """Scores and labels of so many reference examples, changed as the fit changes members."""
        fit = self._course.fit
        rows = np.sort(self._drawing.integers(0, len(self._reference), count))
        change = draw_change(fit, self._drawing.integers(0, fit.copies, count), self._drawing)
        with torch.no_grad():
            scores = _scores(self._course.model, self._gather(rows, change).to(current()))
        return scores, torch.from_numpy(self._reference.labels[rows]).to(current())


def _scores(model: nn.Module, inputs: Tensor) -> Tensor:
    """(B, C), as they would be served."""
    with evaluating(model):
        scores: Tensor = model(inputs).softmax(dim=1)
    return scores


class _MembershipNetwork(nn.Module):
    """The log-odds (N,) of being a member, for scores (N, C) and labels (N,)."""

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self._num_classes = num_classes
        with torch.device("meta"):  # or the layers draw their first weights from the global generator
            self.from_scores = _dense(num_classes, *FROM_SCORES)
            self.from_label = _dense(num_classes, *FROM_LABEL)
            both = FROM_SCORES[-1] + FROM_LABEL[-1]
            self.joint = nn.Sequential(_dense(both, *JOINT), nn.Linear(JOINT[-1], 1))
        self.to_empty(device="cpu")

    def forward(self, scores: Tensor, labels: Tensor) -> Tensor:
        label = one_hot(labels, self._num_classes).float()
        joint: Tensor = self.joint(torch.cat([self.from_scores(scores), self.from_label(label)], dim=1))
        return joint[:, 0]


def _dense(*widths: int) -> nn.Sequential:
    return nn.Sequential(*(layer for pair in pairwise(widths) for layer in (nn.Linear(*pair), nn.ReLU())))
