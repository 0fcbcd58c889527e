"""Images that are made, through models of one's own, to be asked about once: what the ways of making them share.

Each image follows its own gradient. Passes are of a fixed number of images, the last ones padded, so that what comes of
an image does not depend on its company (see leakdrill.models.training.predict).
"""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import pad

from leakdrill.models.device import at_work
from leakdrill.models.training import TILE, predict

MEMORY = "the number of shadow models, or data.image_size"  # for whoever has not enough

#: Of logits (S, n, C), the points (n, 3, H, W) that they are of, and the rows (n,) of these: each point's loss (n,).
Loss = Callable[[Tensor, Tensor, Tensor], Tensor]


def gradients(models: Sequence[nn.Module], points: Tensor, rows: Tensor, loss: Loss) -> tuple[Tensor, Tensor]:
    """The loss (n,) of each of the `rows` (n,) of the points (N, 3, H, W), and its gradient (n, 3, H, W).

    Points are images in grey levels, of [0, 255]. The models' graphs are in memory all at once, so the more models,
    the fewer points go together: as many activations as one model has in training.
    """
    at_once = max(1, TILE // len(models))
    losses, found = [], []
    for start in range(0, len(rows), at_once):
        part = rows[start : start + at_once]
        missing = at_once - len(part)
        images = pad(points[part], (0, 0, 0, 0, 0, 0, 0, missing)).requires_grad_()
        inputs = (images / 127.5 - 1).contiguous(memory_format=torch.channels_last)
        with at_work(*models, lower=MEMORY) as device:
            there = inputs.to(device)
            logits = torch.stack([model(there)[: len(part)] for model in models]).cpu()
        of_part = loss(logits, images[: len(part)], part)
        (slope,) = torch.autograd.grad(of_part.sum(), images)
        losses.append(of_part.detach())
        found.append(slope[: len(part)])
    return torch.cat(losses), torch.cat(found)


def to_points(images: NDArray[np.uint8]) -> Tensor:
    """Images (N, H, W, 3) as points (N, 3, H, W) float32, in grey levels."""
    return torch.from_numpy(images.astype(np.float32)).permute(0, 3, 1, 2).contiguous()


def to_images(points: Tensor) -> NDArray[np.uint8]:
    """The images (N, H, W, 3) nearest to the points: what can be asked about."""
    return points.permute(0, 2, 3, 1).clamp(0, 255).round().to(torch.uint8).numpy()


def answers(models: Sequence[nn.Module], images: NDArray[np.uint8]) -> Tensor:
    """Logits (S, N, C) of images (N, H, W, 3)."""
    return torch.from_numpy(np.stack([predict(model, images) for model in models]))


def shares(chosen: NDArray[np.bool_]) -> Tensor:
    """Weights (S, N) that make a sum over models the mean of those that are chosen for each point; 0 where none is."""
    counts = np.maximum(chosen.sum(axis=0), 1)
    return torch.from_numpy((chosen / counts).astype(np.float32))


def frozen(models: Sequence[nn.Module]) -> list[nn.Module]:
    """The models, in evaluation mode, without gradients of their weights."""
    return [model.eval().requires_grad_(False) for model in models]
