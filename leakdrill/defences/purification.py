"""Prediction purification: scores as an autoencoder that saw no member tells them again (Yang et al. 2020)."""

from itertools import pairwise
from typing import Annotated, ClassVar, Literal

import numpy as np
import torch
from pydantic import AfterValidator, Field
from torch import Tensor, nn

from leakdrill.archs.initialise import initialise
from leakdrill.defences.base import Defence, Defend, Owner, Scores
from leakdrill.defences.dense import Layers, forward, layers_of
from leakdrill.models.augment import Change
from leakdrill.models.batches import Rows
from leakdrill.models.fit import Fit
from leakdrill.models.matching import check_matching, match
from leakdrill.seeds import derive, torch_generator

#: Widths of the hidden layers over the number of classes: 7, 4 and 7 for the paper's 10 classes of CIFAR-10.
HIDDEN = (0.7, 0.4, 0.7)


class Purification(Defence):
    """Scores passed through an autoencoder fitted on the owner's held-out answers (Yang et al. 2020, section IV).

    It tells again what is common to answers about examples that the model was not trained on, and so members' scores
    disperse less. Where we depart: the label stays by rule (the largest score is given to the class that had it), where
    the paper adds a loss term for it; and there is no term against a particular attack.
    """

    kind: Literal["purification"] = "purification"
    fit: Annotated[Fit, AfterValidator(check_matching)] = Field(
        Fit(epochs=300, batch_size=64, learning_rate=0.5, weight_decay=0),
        description="of the autoencoder, on the owner's held-out answers",
    )
    keeps_argmax: ClassVar[bool] = True
    is_fitted: ClassVar[bool] = True
    spares_members: ClassVar[bool] = True

    def fitted(self, owner: Owner) -> Defend:
        made_of = {"purifier": self.fit.model_dump(mode="json"), "seed": owner.seed, **owner.made_of}
        weights, _, _ = owner.cache.get_or_make(
            made_of, lambda: (fit_purifier(owner.answers()[1], self.fit, owner.seed), {})
        )
        layers = layers_of(weights)
        return lambda scores, keys: purified(layers, scores)


def purified(layers: Layers, scores: Scores) -> Scores:
    """What the autoencoder gives for scores (N, C), through a softmax; the largest is the label's."""
    logits = forward(layers, scores)[-1]
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    told: Scores = powers / powers.sum(axis=1, keepdims=True)
    rows, top, highest = np.arange(len(scores)), scores.argmax(axis=1), told.argmax(axis=1)
    told[rows, top], told[rows, highest] = told[rows, highest], told[rows, top]
    return told


def fit_purifier(held_out: Scores, fit: Fit, seed: int) -> dict[str, Tensor]:
    """Weights that tell held-out scores (N, C) again, to the least squared distance of a row."""
    num_classes = held_out.shape[1]
    inputs = torch.from_numpy(held_out).float()
    widths = [num_classes, *(max(2, round(share * num_classes)) for share in HIDDEN), num_classes]
    parts = [(nn.Linear(*pair), nn.BatchNorm1d(pair[1]), nn.ReLU()) for pair in pairwise(widths)]
    network = nn.Sequential(*(layer for part in parts for layer in part))[:-2]
    initialise(network, torch_generator(seed, "initial weights"))

    def gather(rows: Rows, change: Change | None) -> tuple[Tensor, Tensor]:
        return inputs[rows], inputs[rows]

    def distance(logits: Tensor, wanted: Tensor) -> Tensor:
        return (logits.softmax(1) - wanted).square().sum(1).mean()

    match(network, gather, len(held_out), fit, distance, derive(seed, "fit"))
    linear, norms = network[0::3], [*network[1::3], None]
    folded = [_folded(*pair) for pair in zip(linear, norms, strict=True)]
    return {
        f"{2 * index}.{name}": tensor
        for index, pair in enumerate(folded)
        for name, tensor in zip(("weight", "bias"), pair, strict=True)
    }


def _folded(linear: nn.Module, norm: nn.Module | None) -> tuple[Tensor, Tensor]:
    """Weights and biases of a linear layer that does what it and its batch normalisation do, in evaluation mode."""
    assert isinstance(linear, nn.Linear)
    weight, bias = linear.weight.detach(), linear.bias.detach()
    if norm is None:
        return weight, bias
    assert isinstance(norm, nn.BatchNorm1d)
    assert norm.running_var is not None
    assert norm.running_mean is not None
    scale = norm.weight.detach() / torch.sqrt(norm.running_var + norm.eps)
    return weight * scale[:, None], (bias - norm.running_mean) * scale + norm.bias.detach()
