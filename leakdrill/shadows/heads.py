"""Frozen shadow models (TransMIA, section 4.2, g_shadow = g_s): linear heads on features that were computed once.

A shadow model whose shallow layers are all frozen is a softmax regression on g_s(x), so its gradient is written out,
and several heads are trained side by side as one batched matrix product. How many at a time is a matter of cache, not
of taste: see `heads_at_once`. However they are grouped, heads see the same batches and end equal within float noise.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field

from leakdrill.errors import ScenarioError
from leakdrill.models.device import at_work
from leakdrill.seeds import derive, torch_generator
from leakdrill.spec import Spec

#: Float32 working set of one group of heads. Measured by benchmarks/shadow_training.py on cores with 1 MiB of private
#: cache each: groups of 1 to 4 MiB are within 10 % of the best group size, one head at a time is up to 5 times slower
#: (calls cost more than arithmetic), a hundred at once up to 1.9 times (every step goes to memory).
GROUP_BYTES = 2 << 20
#: Below this a group is too small to amortise its calls, even where one head alone fills the cache.
MIN_GROUP = 4


class HeadFit(Spec):
    """Momentum gradient descent on frozen features."""

    steps: int | Literal["auto"] = Field("auto", description="auto: tuned on shadow data and on f_s's answers to it")
    learning_rate: float = Field(0.1, gt=0)
    batch_size: int = Field(64, ge=1, le=4096)
    momentum: float = Field(0.9, ge=0, lt=1)
    weight_decay: float = Field(5e-4, ge=0)


@dataclass(frozen=True)
class Heads:
    """S linear heads."""

    weights: torch.Tensor  # (S, C, D)
    biases: torch.Tensor  # (S, C)

    def scores(self, features: torch.Tensor, draws: NDArray[np.int64]) -> NDArray[np.float32]:
        """(S, n, C): the scores that head s gives to its own rows draws[s] of the features (N, D)."""
        scores = np.empty((*draws.shape, self.weights.shape[1]), dtype=np.float32)
        for shadow, rows in enumerate(torch.from_numpy(draws)):
            logits = torch.addmm(self.biases[shadow], features[rows], self.weights[shadow].T)
            scores[shadow] = logits.softmax(-1).numpy()
        return scores


def heads_at_once(feature_width: int, num_classes: int, batch_size: int, num_shadows: int) -> int:
    """How many heads to train side by side: as many as keep weights, momentum and activations near the cores."""
    floats_of_one = 2 * num_classes * feature_width + batch_size * (feature_width + num_classes)
    return min(num_shadows, max(MIN_GROUP, GROUP_BYTES // (4 * floats_of_one)))


def train_heads(
    features: torch.Tensor,
    labels: torch.Tensor,
    draws: NDArray[np.int64],
    num_classes: int,
    fit: HeadFit,
    steps: Sequence[int],
    seed: int,
    at_once: int | None = None,
    progress: Callable[[float], None] = lambda fraction: None,
) -> list[Heads]:
    """One head per row of `draws` (S, n), as it stands after each number of `steps` (ascending; 0: as made).

    features: (N, D) float32 of the pool; labels: (N,) int64. Shadow s's initial head and batches depend on the seed
    and on s alone. at_once: overrides `heads_at_once`, for the benchmark. Raises ScenarioError if training diverges.
    """
    num_shadows, width = len(draws), features.shape[1]
    batch_size = min(fit.batch_size, draws.shape[1])
    group = at_once or heads_at_once(width, num_classes, batch_size, num_shadows)
    weights = torch.empty(len(steps), num_shadows, num_classes, width)
    biases = torch.empty(len(steps), num_shadows, num_classes)
    with at_work(lower=f"head.batch_size, now {fit.batch_size}, or shadow_size") as device:
        features, labels = features.to(device), labels.to(device)
        for start in range(0, num_shadows, group):
            shadows = range(start, min(start + group, num_shadows))
            batches = torch.stack(
                [shuffled_batches(draws[s], batch_size, steps[-1], derive(seed, "batches", str(s))) for s in shadows]
            ).to(device)
            state = _initial([derive(seed, "head", str(s)) for s in shadows], num_classes, width, device)
            done = 0
            for checkpoint, until in enumerate(steps):
                state.descend(features, labels, batches[:, done:until], fit)
                weights[checkpoint, start : shadows.stop] = state.weights.cpu()
                biases[checkpoint, start : shadows.stop] = state.biases.cpu()
                done = until
            progress(shadows.stop / num_shadows)
    if not weights.isfinite().all():
        raise ScenarioError(f"head training diverged: lower head.learning_rate, now {fit.learning_rate:g}")
    return [Heads(*pair) for pair in zip(weights, biases, strict=True)]


@dataclass(frozen=True)
class _Descent:
    """A group of G heads under way: parameters and their velocities, updated in place."""

    weights: torch.Tensor  # (G, C, D)
    biases: torch.Tensor  # (G, C)
    weight_velocities: torch.Tensor
    bias_velocities: torch.Tensor

    def descend(self, features: torch.Tensor, labels: torch.Tensor, batches: torch.Tensor, fit: HeadFit) -> None:
        """One step for each of the batches (G, steps, B): torch.optim.SGD's rule on the mean cross-entropy."""
        for step in range(batches.shape[1]):
            rows = batches[:, step]
            inputs = features[rows]  # (G, B, D)
            errors = torch.baddbmm(self.biases.unsqueeze(1), inputs, self.weights.transpose(1, 2)).softmax(-1)
            # d cross-entropy / d logits = softmax - one-hot
            errors.scatter_add_(2, labels[rows].unsqueeze(2), errors.new_full((*rows.shape, 1), -1.0))
            share = 1 / rows.shape[1]
            self.weight_velocities.baddbmm_(errors.transpose(1, 2), inputs, beta=fit.momentum, alpha=share)
            self.bias_velocities.mul_(fit.momentum).add_(errors.sum(1), alpha=share)
            if fit.weight_decay:
                self.weight_velocities.add_(self.weights, alpha=fit.weight_decay)
                self.bias_velocities.add_(self.biases, alpha=fit.weight_decay)
            self.weights.add_(self.weight_velocities, alpha=-fit.learning_rate)
            self.biases.add_(self.bias_velocities, alpha=-fit.learning_rate)


def _initial(seeds: Sequence[int], num_classes: int, width: int, device: torch.device) -> _Descent:
    """Heads as nn.Linear makes them, uniform within 1/sqrt(width), each from its own seed."""
    bound = width**-0.5
    drawn = [torch.empty(num_classes, width + 1).uniform_(-bound, bound, generator=torch_generator(s)) for s in seeds]
    heads = torch.stack(drawn).to(device)
    weights, biases = heads[..., :width].contiguous(), heads[..., width].contiguous()
    return _Descent(weights, biases, torch.zeros_like(weights), torch.zeros_like(biases))


def shuffled_batches(draw: NDArray[np.int64], batch_size: int, steps: int, seed: int) -> torch.Tensor:
    """(steps, batch_size) indices: epoch after epoch of the draw, each freshly shuffled, cut into equal batches."""
    generator = torch_generator(seed)
    num_epochs = max(1, -(-steps * batch_size // len(draw)))
    order = torch.cat([torch.randperm(len(draw), generator=generator) for _ in range(num_epochs)])
    return torch.from_numpy(draw)[order[: steps * batch_size]].reshape(steps, batch_size)
