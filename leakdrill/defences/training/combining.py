"""Which defences at training time go together, with what fit and which networks."""

from collections import Counter
from collections.abc import Sequence

import torch
from torch import nn

from leakdrill.archs import ArchSpec
from leakdrill.archs.fully_connected import FullyConnected
from leakdrill.defences.training.base import TrainingDefence
from leakdrill.defences.training.transfer import Transfer
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
    kinds = Counter(defence.kind for defence in defences)
    for kind, count in kinds.items():
        if count > 1:
            return f"defences has {kind} {count} times: leave one"
    if "dp_sgd" not in kinds:
        return None
    if "adversarial_regularisation" in kinds:
        return (
            "dp_sgd bounds what each example's own gradient tells, and adversarial_regularisation mixes the examples "
            "of a batch: leave one of the two out"
        )
    if batch_norm and not any(isinstance(defence, Transfer) and defence.learns == "last_layer" for defence in defences):
        return (
            "dp_sgd bounds what each example's own gradient tells, and batch normalisation mixes the examples of a "
            "batch: choose an arch without it (paper_cnn, small_cnn with norm: group, fully_connected), or freeze the "
            "layers that have it with transfer, learns: last_layer"
        )
    if fit.loss != "softmax":
        return f"dp_sgd trains a linear head, and loss: {fit.loss} the angles of a normalised one: use loss: softmax"
    if fit.translate:
        return (
            "dp_sgd draws examples, and translate has several of each in an epoch: leave it out, or set "
            "dp_sgd.augmentation_multiplicity and the fit's shift"
        )
    return None
