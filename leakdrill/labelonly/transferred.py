"""The smallest perturbation of an example that fools models which were not used to find it.

OSLO (Peng, Roh, Maji and Houmansadr 2024, "OSLO: One-Shot Label-Only Membership Inference Attacks"): source
models show the way, validation models say when it is far enough. No code of the authors' was to be had; this follows
the paper's account of its algorithm and two independent implementations of it. Where we depart: the way is that of
MI-FGSM (Dong et al. 2018) alone, of the transferable attacks that the paper finds to be interchangeable; budgets rise
by one grey level, and what is shown to the validation models is rounded, as what is asked will be.
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

MOMENTUM = 1.0  # Dong et al.
OVERSHOOT = 1.25  # how much further than its budget a perturbation could go in its iterations


@dataclass(frozen=True)
class Perturbed:
    """For each of T thresholds, images (T, N, H, W, 3) and the grey levels (T, N) that no value moved beyond.

    Where has_fooled (T, N) does not hold, the validation models were still too sure at the largest budget.
    """

    images: NDArray[np.uint8]
    levels: NDArray[np.int64]
    has_fooled: NDArray[np.bool_]


def perturb(
    models: Sequence[nn.Module],
    is_source: NDArray[np.bool_],
    is_validation: NDArray[np.bool_],
    images: NDArray[np.uint8],
    labels: NDArray[np.int64],
    thresholds: Sequence[float],
    max_levels: int,
    num_iterations: int,
    progress: Callable[[float], None] = lambda share: None,
) -> Perturbed:
    """Images perturbed until the validation models' confidence in the label is below each threshold.

    is_source, is_validation (S, N): which models these are for which example. An ensemble's confidence is the softmax
    of its mean logits. max_levels: the largest budget, in grey levels, in the maximum norm. num_iterations: gradient
    steps within each budget.
    """
    models, origins, expected = frozen(models), to_points(images), torch.from_numpy(labels)
    shape = (len(thresholds), len(labels))
    made = Perturbed(
        np.broadcast_to(images, (shape[0], *images.shape)).copy(), np.zeros(shape, np.int64), np.zeros(shape, np.bool_)
    )
    points, rows = origins.clone(), torch.arange(len(labels))
    for budget in range(1, max_levels + 1):
        with at_work(*models, lower=MEMORY):
            points[rows] = ascend(models, is_source, origins, points, rows, expected, budget, num_iterations)
            at, asked = rows.numpy(), to_images(points[rows])
            sure = confidences(models, is_validation[:, at], asked, labels[at])
        for index, threshold in enumerate(thresholds):
            is_open = ~made.has_fooled[index, at]
            made.images[index, at[is_open]] = asked[is_open]
            made.levels[index, at[is_open]] = budget
            made.has_fooled[index, at] |= sure < threshold
        rows = torch.from_numpy(np.flatnonzero(~made.has_fooled.all(axis=0)))
        if not len(rows):
            break
        progress(budget / max_levels)
    return made


def ascend(
    models: Sequence[nn.Module],
    is_source: NDArray[np.bool_],
    origins: Tensor,
    points: Tensor,
    rows: Tensor,
    labels: Tensor,
    budget: int,
    num_iterations: int,
) -> Tensor:
    """The points (n, 3, H, W) to which MI-FGSM gets from those at `rows`, within `budget` levels of the origins."""
    used = np.flatnonzero(is_source.any(axis=1)).tolist()
    sources, weights = [models[index] for index in used], shares(is_source[used])

    def loss(logits: Tensor, points: Tensor, rows: Tensor) -> Tensor:
        mean = (weights[:, rows, None] * logits).sum(dim=0)
        return cross_entropy(mean, labels[rows], reduction="none")

    here, velocity = points.clone(), torch.zeros_like(points[rows])
    low, high = (origins[rows] - budget).clamp(min=0), (origins[rows] + budget).clamp(max=255)
    for _ in range(num_iterations):
        _, slopes = gradients(sources, here, rows, loss)
        size = slopes.abs().mean(dim=(1, 2, 3), keepdim=True)
        velocity = MOMENTUM * velocity + slopes / size.clamp(min=torch.finfo(size.dtype).tiny)
        moved = here[rows] + OVERSHOOT * budget / num_iterations * velocity.sign()
        here[rows] = torch.minimum(torch.maximum(moved, low), high)
    return here[rows]


def confidences(
    models: Sequence[nn.Module], chosen: NDArray[np.bool_], images: NDArray[np.uint8], labels: NDArray[np.int64]
) -> NDArray[np.float64]:
    """(N,): how sure the models that are chosen (S, N) are, together, of each image's label."""
    used = np.flatnonzero(chosen.any(axis=1)).tolist()
    logits = answers([models[index] for index in used], images).double()
    probabilities = (shares(chosen[used])[:, :, None] * logits).sum(dim=0).softmax(dim=1)
    return probabilities.numpy()[np.arange(len(labels)), labels]
