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
from leakdrill.models.training import as_batch, evaluating, num_batches
from leakdrill.seeds import derive, numpy_generator, torch_generator

#: Units of the layers that see the scores, those that see the label, and those that see both.
FROM_SCORES, FROM_LABEL, JOINT = (100, 1024, 512, 64), (100, 512, 64), (256, 64)
LEARNING_RATE = 1e-3  # of Adam, as in Nasr et al., section 4


class AdversarialRegularisation(TrainingDefence):
    """Training against a membership classifier of the owner's own, in turns (Nasr et al. 2018, algorithm 1).

    After `warm_up` epochs, each step first trains the classifier to tell the batch's scores and labels from those of
    as many held-out examples, `inner_steps` times, and then adds `strength` times the log of what it says of the batch
    to the loss. The reference examples are source_validation, which also chooses the epoch unless `keep` is last.
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
        opponent = _Opponent(self, course, course.held_out)
        return replace(course, hooks=replace(course.hooks, penalty=opponent.penalty))


class _Opponent:
    """The classifier, and its side of the game."""

    def __init__(self, defence: AdversarialRegularisation, course: Course, reference: Examples) -> None:
        self._defence, self._model, self._reference = defence, course.model, reference
        num_copies = len(course.train) * course.fit.copies
        self._steps_to_wait = defence.warm_up * num_batches(num_copies, course.fit.batch_size)
        seed = derive(course.seed, defence.kind)
        self._drawing = numpy_generator(seed, "reference")
        head = course.model[-1]
        assert isinstance(head, nn.Linear)
        self._network = _MembershipNetwork(head.out_features)
        initialise(self._network, torch_generator(seed, "initial weights"))
        self._optimiser = torch.optim.Adam(self._network.parameters(), LEARNING_RATE)

    def penalty(self, logits: Tensor, labels: Tensor) -> Tensor:
        """strength * mean log h(f(x), y) of a batch, for logits (B, C) and labels (B,)."""
        if self._steps_to_wait:
            self._steps_to_wait -= 1
            return logits.new_zeros(())
        scores = logits.softmax(dim=1)
        for _ in range(self._defence.inner_steps):
            self._learn(scores.detach(), labels)
        return self._defence.strength * logsigmoid(self._network(scores, labels)).mean()

    def _learn(self, scores: Tensor, labels: Tensor) -> None:
        """One step towards telling these members from as many others."""
        rows = np.sort(self._drawing.integers(0, len(self._reference), len(labels)))
        with evaluating(self._model), torch.no_grad():
            others = self._model(as_batch(self._reference.inputs[rows])).softmax(dim=1)
        other_labels = torch.from_numpy(self._reference.labels[rows])
        log_odds = self._network(torch.cat([scores, others]), torch.cat([labels, other_labels]))
        is_member = torch.cat([torch.ones(len(scores)), torch.zeros(len(others))])
        self._optimiser.zero_grad()
        binary_cross_entropy_with_logits(log_odds, is_member).backward()  # type: ignore[no-untyped-call]
        self._optimiser.step()


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
