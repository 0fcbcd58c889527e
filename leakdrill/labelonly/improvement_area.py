"""Images that a model calls by the example's label if it was trained on that example, and otherwise if it was not.

YOQO (Wu, Qiu, Guo, Li and Zhang 2024, "You Only Query Once"), after the authors' code, whose objective,
targets, order of step and check, and constants these are. That code sums over 16 models (pairs of them, online), in
units of CIFAR-100's standard deviation; here sums are means and units grey levels, so that the number of models does
not change the length of a step. Where we depart: points stay among the images, and are rounded at the end.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from leakdrill.labelonly.crafting import MEMORY, answers, frozen, gradients, shares, to_images, to_points
from leakdrill.models.device import at_work

DEVIATION = 255 * 0.2667  # grey levels; the mean over CIFAR-100's channels, by which the authors divide images
LEARNING_RATE = 0.01  # theirs, in these units
NUM_MODELS = 16  # theirs
LOSS_ONLINE, LOSS_OFFLINE = 3, 6  # their factors before the loss of a model


@dataclass(frozen=True)
class Objective:
    """What is minimised, with cross-entropies in nats, each a mean over models.

    online: (CE of the example's label in models trained on it + weight * CE of another in the rest) / (1 + weight).
    Otherwise: (weight * squared distance to the example + CE of another label in models not trained on it) /
    (1 + weight), the distance a mean over values of DEVIATION grey levels.
    """

    online: bool
    weight: float
    enough: float  # a loss at which an image is done
    max_steps: int


def craft(
    models: Sequence[nn.Module],
    is_in: NDArray[np.bool_],
    images: NDArray[np.uint8],
    labels: NDArray[np.int64],
    objective: Objective,
    progress: Callable[[float], None] = lambda share: None,
) -> NDArray[np.uint8]:
    """Images (N, H, W, 3) near those given, of which model s was trained on n if `is_in` (S, N).

    Every image takes a step at least, and one more when its loss has come down to `enough`.
    """
    models = frozen(models)
    with at_work(*models, lower=MEMORY):
        points = descend(models, is_in, to_points(images), torch.from_numpy(labels), objective, progress)
    return to_images(points)


def descend(
    models: Sequence[nn.Module],
    is_in: NDArray[np.bool_],
    origins: Tensor,
    labels: Tensor,
    objective: Objective,
    progress: Callable[[float], None] = lambda share: None,
) -> Tensor:
    """`craft`, of points (N, 3, H, W), and not rounded."""
    others = other_labels(answers(models, to_images(origins)), labels)
    inside, outside = shares(is_in), shares(~is_in)
    weight = objective.weight

    def loss(logits: Tensor, points: Tensor, rows: Tensor) -> Tensor:
        by_class = logits.permute(0, 2, 1)  # (S, C, n), as cross_entropy has it
        of_others = (outside[:, rows] * cross_entropy(by_class, others[:, rows], reduction="none")).sum(dim=0)
        if not objective.online:
            moved = ((points - origins[rows]) / DEVIATION).square().mean(dim=(1, 2, 3))
            return (weight * moved + of_others) / (1 + weight)
        expected = labels[rows].expand(len(models), -1)
        of_label = (inside[:, rows] * cross_entropy(by_class, expected, reduction="none")).sum(dim=0)
        return (of_label + weight * of_others) / (1 + weight)

    factor = LOSS_ONLINE if objective.online else LOSS_OFFLINE
    pace = LEARNING_RATE * NUM_MODELS * factor * DEVIATION**2
    points, rows = origins.clone(), torch.arange(len(origins))
    for step in range(objective.max_steps):
        losses, slopes = gradients(models, points, rows, loss)
        points[rows] = (points[rows] - pace * slopes).clamp(0, 255)
        rows = rows[losses > objective.enough]
        if not len(rows):
            break
        progress((step + 1) / objective.max_steps)
    return points


def other_labels(logits: Tensor, labels: Tensor) -> Tensor:
    """(S, N): what each model would say of logits (S, N, C) if it could not say the label (N,)."""
    own = labels[None, :, None].expand(len(logits), -1, 1)
    return logits.scatter(2, own, -torch.inf).argmax(dim=2)
