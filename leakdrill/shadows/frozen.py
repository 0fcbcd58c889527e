"""Shadow models with all of g_s leaked and frozen: features computed once, heads trained on them for the right length.

The right length is a matter of what the adversary imitates. TransMIA trains f_s and its shadows alike; but heads on
frozen features that are trained too long grow surer of what they have seen than the source model is, and then say
nothing about it. What the adversary can compare, without a single member, are answers to examples that neither was
trained on: its own. Heads are therefore stopped where their confidences in the true labels of held-out examples are
spread most like the source model's.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from leakdrill.data.examples import Examples
from leakdrill.models.training import Progress, predict
from leakdrill.shadows.draws import Answers, Draws, Records
from leakdrill.shadows.heads import HeadFit, Heads, train_heads

#: Numbers of steps between which "auto" chooses, each about twice the one before.
CHECKPOINTS = (10, 20, 40, 80, 160, 320)


@dataclass(frozen=True)
class FrozenShadows:
    """Heads as they stood after each number of `steps`, with what it takes to question them."""

    steps: Sequence[int]
    checkpoints: Sequence[Heads]
    features: tuple[torch.Tensor, torch.Tensor]  # (N, D) of the two pools
    train: Examples
    test: Examples
    draws: Draws

    def distances(self, source_confidences: NDArray[np.float32]) -> list[float]:
        """Per checkpoint, the 1-D Wasserstein distance, in [0, 1], between confidences in the true label.

        source_confidences: (Q,), of the source model for examples that are not members; against all heads' for their
        own held-out examples.
        """
        return [
            wasserstein_distance(source_confidences, true_confidences(self._unseen(heads), self._unseen_labels))
            for heads in self.checkpoints
        ]

    def records(self, checkpoint: int) -> Records:
        """The attack training set as the heads of that checkpoint answer it."""
        heads = self.checkpoints[checkpoint]
        seen = heads.scores(self.features[0], self.draws.train)
        return Records.of(seen, self._unseen(heads), self.train, self.test, self.draws)

    def _unseen(self, heads: Heads) -> Answers:
        return heads.scores(self.features[1], self.draws.test)

    @property
    def _unseen_labels(self) -> NDArray[np.int64]:
        return self.test.labels[self.draws.test]


def train_frozen_shadows(
    feature_extractor: nn.Module,
    train: Examples,
    test: Examples,
    draws: Draws,
    num_classes: int,
    fit: HeadFit,
    seed: int,
    progress: Progress,
) -> FrozenShadows:
    """Heads of every shadow, kept at every length among which to choose; features (N, D) are computed once."""
    progress(0.0, "features of the shadow pools")
    train_features, test_features = (
        torch.from_numpy(predict(feature_extractor, pool.inputs)) for pool in (train, test)
    )
    steps = CHECKPOINTS if fit.steps == "auto" else (fit.steps,)
    checkpoints = train_heads(
        train_features,
        torch.from_numpy(train.labels),
        draws.train,
        num_classes,
        fit,
        steps,
        seed,
        progress=lambda fraction: progress(fraction, f"{draws.num_shadows} shadow heads"),
    )
    return FrozenShadows(steps, checkpoints, (train_features, test_features), train, test, draws)


def wasserstein_distance(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    """Between the distributions of two samples (N,), (M,) of numbers: the area between their cumulative frequencies."""
    values = np.sort(np.concatenate([a, b]))
    below_a = np.searchsorted(np.sort(a), values[:-1], side="right") / len(a)
    below_b = np.searchsorted(np.sort(b), values[:-1], side="right") / len(b)
    return float(np.sum(np.abs(below_a - below_b) * np.diff(values)))


def true_confidences(scores: NDArray[np.float32], labels: NDArray[np.int64]) -> NDArray[np.float32]:
    """What scores (..., C) give to the true labels (...), flat."""
    return np.take_along_axis(scores, labels[..., np.newaxis], axis=-1).ravel()
