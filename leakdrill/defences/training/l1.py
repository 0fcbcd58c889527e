"""L1 regularisation (Label-Only, appendix E)."""

from dataclasses import replace
from typing import Literal

import torch
from pydantic import Field
from torch import nn

from leakdrill.defences.training.base import Course, TrainingDefence


class L1(TrainingDefence):
    """Fewer weights: `strength` times their L1 norm is added to the loss (Label-Only, appendix E).

    Its derivative, strength times the sign of each weight, is added to the gradient; with dp_sgd after the noise, since
    it tells nothing of the examples.
    """

    kind: Literal["l1"] = "l1"
    strength: float = Field(1e-4, ge=0, le=10, description="lambda; 0 is no defence")

    def changed(self, course: Course) -> Course:
        if self.strength == 0:
            return course
        return replace(course, hooks=replace(course.hooks, on_gradient=self._add))

    def _add(self, model: nn.Module) -> None:
        with torch.no_grad():
            for parameter in model.parameters():
                if parameter.grad is not None:
                    parameter.grad.add_(parameter.sign(), alpha=self.strength)
