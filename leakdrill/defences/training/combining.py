"""Which defences at training time go together, with what fit and which networks."""

from collections import Counter
from collections.abc import Sequence

import torch
from torch import nn

from leakdrill.archs import ArchSpec
from leakdrill.archs.fully_connected import FullyConnected
from leakdrill.defences.training.adversarial_regularisation import AdversarialRegularisation
from leakdrill.defences.training.base import TrainingDefence
from leakdrill.defences.training.dp_sgd import DpSgd
from leakdrill.defences.training.early_stopping import EarlyStopping
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
    normalisation; None if nothing is. A defence that would do nothing, without a setting that says so, is wrong."""
    kinds = Counter(defence.kind for defence in defences)
    for kind, count in kinds.items():
        if count > 1:
            return f"defences has {kind} {count} times: leave one"
    for defence in defences:
        if idle := _idle(defence, _epochs(defences, fit), fit):
            return idle
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


def _epochs(defences: Sequence[TrainingDefence], fit: Fit) -> int:
    """How many there are at most."""
    stops = [each.epochs for each in defences if isinstance(each, EarlyStopping) and each.epochs is not None]
    return min([fit.epochs, *stops])


def _idle(defence: TrainingDefence, epochs: int, fit: Fit) -> str | None:
    """Why the defence never acts in so many epochs, though it is not switched off."""
    match defence:
        case EarlyStopping(epochs=int(last)) if last > fit.epochs:
            return f"early_stopping after {last} epochs of a fit that has {fit.epochs}: set fewer, or leave it out"
        case EarlyStopping(patience=int(patience)) if patience >= fit.epochs:
            return (
                f"early_stopping with a patience of {patience} epochs never stops a fit that has {fit.epochs}: set less"
            )
        case AdversarialRegularisation(strength=strength, warm_up=warm_up) if strength and warm_up >= epochs:
            return (
                f"adversarial_regularisation starts after a warm_up of {warm_up} epochs, and training has {epochs}: "
                "set less, or more epochs"
            )
        case DpSgd(augmentation_multiplicity=copies) if copies > 1 and not (fit.flip or fit.shift or fit.cutout):
            return (
                f"dp_sgd has an augmentation_multiplicity of {copies}, and the fit changes no image, so that all "
                "copies are the same: set the fit's flip, shift or cutout, or leave it out"
            )
    return None
