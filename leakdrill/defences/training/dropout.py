"""Dropout (Srivastava et al. 2014; Label-Only, appendix E)."""

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import replace
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from leakdrill.defences.training.base import Course, TrainingDefence
from leakdrill.seeds import torch_generator


class Dropout(TrainingDefence):
    """Features left out at random, afresh in each step, in front of every dense layer (Srivastava et al. 2014).

    Not in front of a network's first layer with weights, where it would drop pixels or columns. What is served has no
    trace of it: the same blocks, the same weights' names. (Label-Only, appendix E, says that weights are dropped, and
    cites the paper that drops units, as here.)
    """

    kind: Literal["dropout"] = "dropout"
    rate: float = Field(0.5, ge=0, lt=1, description="of the features; 0 is no defence")

    def changed(self, course: Course) -> Course:
        if self.rate == 0:
            return course
        generator = torch_generator(course.seed, self.kind)
        behind = set(_behind(course.model))
        layers: OrderedDict[str, nn.Module] = OrderedDict()
        for name, block in course.learner.named_children():
            if name in behind:
                layers[f"{name}_dropout"] = _Dropout(self.rate, generator)
            layers[name] = block
        return replace(course, learner=nn.Sequential(layers))


def _behind(model: nn.Sequential) -> Iterator[str]:
    """The names of the dense blocks behind the first block with weights."""
    has_weights = False
    for name, block in model.named_children():
        if has_weights and any(isinstance(module, nn.Linear) for module in block.modules()):
            yield name
        has_weights |= any(True for _ in block.parameters())


class _Dropout(nn.Module):
    """`nn.Dropout` with a generator of its own: PyTorch's draws from the global one."""

    def __init__(self, rate: float, generator: torch.Generator) -> None:
        super().__init__()
        self._rate, self._generator = rate, generator

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return x
        kept = torch.rand(x.shape, generator=self._generator).to(x.device) >= self._rate
        return x * kept / (1 - self._rate)
