"""Which defences at training time go together, with what fit and which networks."""

from collections import Counter
from collections.abc import Sequence

import torch
from torch import nn

from leakdrill.archs import ArchSpec
from leakdrill.archs.fully_connected import FullyConnected
from leakdrill.defences.training.base import TrainingDefence
from leakdrill.models.fit import Fit


def has_batch_norm(model: nn.Module) -> bool:
    return any(isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d) for module in model.modules())


def arch_has_batch_norm(arch: ArchSpec) -> bool:
    """The same of an architecture, of which nothing is built."""
    if isinstance(arch, FullyConnected):  # whose width may not be known yet
        return False
    with torch.device("meta"):
        return any(has_batch_norm(block) for block in arch.blocks(num_classes=2).values())


def contradiction(defences: Sequence[TrainingDefence], fit: Fit, batch_norm: bool) -> str | None:
    """What is wrong with the defences together, on a fit that they changed and a network with or without batch
    normalisation; None if nothing is."""
    for kind, count in Counter(defence.kind for defence in defences).items():
        if count > 1:
            return f"defences has {kind} {count} times: leave one"
    return None
