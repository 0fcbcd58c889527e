"""The batches of an epoch, and the rate at which each is learnt."""

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from torch import nn

from leakdrill.errors import ScenarioError
from leakdrill.models.fit import Fit

Rows = NDArray[np.int64]

WARM_UP = 0.05


def learning_rate(fit: Fit, step: int, num_steps: int) -> float:
    """The rate of step `step` (from 0) of `num_steps`: constant, or half a cosine from the full rate down to 0.

    The cosine starts with a linear rise over the first WARM_UP of the steps: on 2000 faces of 100 people it fitted more
    in the same epochs, small_cnn at every rate tried and resnet8 at high ones.
    """
    if fit.schedule == "constant":
        return fit.learning_rate
    rise = min(1.0, (step + 1) / max(1, round(WARM_UP * num_steps)))
    return fit.learning_rate * rise * 0.5 * (1 + math.cos(math.pi * step / num_steps))


def epoch_batches(num_examples: int, batch_size: int, generator: np.random.Generator) -> Iterator[Rows]:
    """The rows of each batch of one epoch, every example once, in a fresh order.

    Rows ascend within a batch, which reads a memory map forwards. A single example left over joins the batch before it,
    since batch normalisation has nothing to normalise one example by.
    """
    order = generator.permutation(num_examples)
    count = num_batches(num_examples, batch_size)
    for index in range(count):
        stop = None if index == count - 1 else (index + 1) * batch_size
        yield np.sort(order[index * batch_size : stop])


def num_batches(num_examples: int, batch_size: int) -> int:
    whole, left_over = divmod(num_examples, batch_size)
    return max(1, whole + (left_over > 1))


def check_batches(model: nn.Module, num_examples: int, fit: Fit) -> None:
    """Raises ScenarioError for batches of one example and a network that normalises over the batch."""
    smallest = min(fit.batch_size, num_examples)
    if smallest < 2 and any(isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d) for module in model.modules()):
        raise ScenarioError(
            f"batch normalisation needs batches of at least 2 examples, got batch_size {fit.batch_size} "
            f"and {num_examples} training examples"
        )
