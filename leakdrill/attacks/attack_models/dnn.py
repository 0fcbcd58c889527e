"""A small neural network per group: hidden layers of 50, 30 and 5 neurons, 50 epochs (TransMIA, section 5.2).

The paper trains a hundred of them one by one; here all groups' networks advance together, as batched matrix products.
What it leaves open is chosen here: ReLU, Adam, weight decay, standardised inputs, and within a group the same total
weight for members and for non-members, so that a network which learns nothing says one half.
"""

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, relu

from leakdrill.attacks.attack_models.groups import Grouped, Judge, Judgement
from leakdrill.seeds import torch_generator

HIDDEN = (50, 30, 5)  # section 5.2
NUM_EPOCHS = 50  # section 5.2
BATCH_SIZE = 128
LEARNING_RATE = 3e-3
#: Strong, because the records of a class are few examples, each answered by many shadows: a network can come to know
#: the examples. Measured on rendered and on real faces: 0.01 to 0.1 are about equal, less costs up to 0.05 of AUC.
WEIGHT_DECAY = 0.03

Activation = Callable[[Tensor], Tensor]
Layers = list[tuple[Tensor, Tensor]]  # weights (G, in, out) and biases (G, 1, out)


def fit_dnn(records: Grouped, seed: int, hidden: tuple[int, ...] = HIDDEN, activation: Activation = relu) -> Judge:
    """Judges by the network's log-odds of "in"; decides at odds of one."""
    standardise = _Standardised(records)
    layers = _initial((records.inputs.shape[1], *hidden, 1), records.num_groups, torch_generator(seed, "weights"))
    _descend(layers, standardise(records.inputs, records.groups), records, activation, torch_generator(seed, "batches"))

    def judge(inputs: NDArray[np.float64], groups: NDArray[np.int64]) -> Judgement:
        own = standardise(inputs, groups)
        scores = np.empty(len(inputs))
        with torch.inference_mode():
            for group in np.unique(groups):
                rows = groups == group
                network = [(weights[group].double(), biases[group].double()) for weights, biases in layers]
                scores[rows] = _forward(network, own[rows].double(), activation).numpy()
        return scores, scores > 0

    return judge


class _Standardised:
    """Inputs with mean 0 and deviation 1 over the records of each group; what never varied there is 0 for everybody.

    Who differed in it would be a million deviations away, and be judged by a weight that nothing was learned by.
    """

    def __init__(self, records: Grouped) -> None:
        each = [records.inputs[records.groups == group] for group in range(records.num_groups)]
        self._means = np.stack([inputs.mean(0) for inputs in each])
        self._deviations = np.stack([inputs.std(0) for inputs in each]) + 1e-6
        self._deviations[np.stack([np.ptp(inputs, axis=0) == 0 for inputs in each])] = np.inf

    def __call__(self, inputs: NDArray[np.float64], groups: NDArray[np.int64]) -> Tensor:
        return torch.from_numpy((inputs - self._means[groups]) / self._deviations[groups]).float()


def _initial(widths: tuple[int, ...], num_groups: int, generator: torch.Generator) -> Layers:
    layers = []
    for num_in, num_out in pairwise(widths):
        weights = torch.empty(num_groups, num_in, num_out).normal_(std=(2 / num_in) ** 0.5, generator=generator)
        layers.append((weights.requires_grad_(), torch.zeros(num_groups, 1, num_out, requires_grad=True)))
    return layers


def _forward(layers: Layers, inputs: Tensor, activation: Activation) -> Tensor:
    """Log-odds (..., B) for inputs (..., B, F), with or without a leading axis of groups."""
    *hidden, last = layers
    for weights, biases in hidden:
        inputs = activation(inputs @ weights + biases)
    return (inputs @ last[0] + last[1]).squeeze(-1)


def _descend(
    layers: Layers, inputs: Tensor, records: Grouped, activation: Activation, generator: torch.Generator
) -> None:
    """Adam over batches of equally many records of every group, in place.

    An epoch has the steps that one pass over a group of average size takes.
    """
    rows_of = [torch.from_numpy(np.flatnonzero(records.groups == group)) for group in range(records.num_groups)]
    is_member, weights = torch.from_numpy(records.is_member).float(), _balancing_weights(records)
    num_steps = NUM_EPOCHS * -(-len(inputs) // (len(rows_of) * BATCH_SIZE))
    optimiser = torch.optim.Adam(
        [tensor for layer in layers for tensor in layer], LEARNING_RATE, weight_decay=WEIGHT_DECAY
    )
    batches = torch.stack([_cycle(rows, num_steps * BATCH_SIZE, generator) for rows in rows_of])  # (G, steps * B)
    for batch in batches.unfold(1, BATCH_SIZE, BATCH_SIZE).unbind(1):  # (G, B)
        loss = binary_cross_entropy_with_logits(
            _forward(layers, inputs[batch], activation), is_member[batch], weights[batch], reduction="sum"
        )
        optimiser.zero_grad()
        (loss / BATCH_SIZE).backward()  # type: ignore[no-untyped-call]
        optimiser.step()


def _cycle(rows: Tensor, length: int, generator: torch.Generator) -> Tensor:
    """`length` of the rows, pass after pass over all of them, each in a fresh order."""
    passes = [rows[torch.randperm(len(rows), generator=generator)] for _ in range(-(-length // len(rows)))]
    return torch.cat(passes)[:length]


def _balancing_weights(records: Grouped) -> Tensor:
    """A weight per record (R,): members and non-members of a group weigh half of it each; 1 on average."""
    kinds = 2 * records.groups + records.is_member
    sizes = np.bincount(kinds, minlength=2 * records.num_groups)
    group_sizes = sizes.reshape(-1, 2).sum(1)
    return torch.from_numpy(group_sizes[records.groups] / (2 * sizes[kinds])).float()
