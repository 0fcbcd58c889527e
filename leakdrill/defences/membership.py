"""The defender's own membership network: what MemGuard's noise is made to confuse (Jia et al. 2019, section 4.1).

It reads the scores in ascending order, through hidden layers of 256, 128 and 64 neurons, as in the code that the
authors published.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from leakdrill.defences.base import Scores
from leakdrill.defences.dense import Layers, dense_network, forward, layers_of, product
from leakdrill.models.augment import Change
from leakdrill.models.batches import Rows
from leakdrill.models.fit import Fit
from leakdrill.models.training import descend
from leakdrill.seeds import derive

HIDDEN = (256, 128, 64)

Vector = NDArray[np.float64]  # (N,)


@dataclass(frozen=True)
class MembershipNetwork:
    """ReLU layers (in, out) and their biases; the last has one output, the log-odds of "member"."""

    layers: Layers

    @classmethod
    def of(cls, weights: dict[str, Tensor]) -> "MembershipNetwork":
        """From the weights that `fit_membership` gives: two outputs for two classes, whose difference is the odds."""
        (*hidden, (matrix, bias)) = layers_of(weights)
        return cls((*hidden, (matrix[:, 1:] - matrix[:, :1], bias[1:] - bias[:1])))

    def log_odds(self, scores: Scores) -> Vector:
        """(N,) for ascending scores (N, C)."""
        return forward(self.layers, scores)[-1][:, 0]

    def log_odds_and_gradient(self, scores: Scores) -> tuple[Vector, Scores]:
        """(N,), and how they change with each score (N, C)."""
        *hidden, outputs = forward(self.layers, scores)
        (*inner, (last, _)) = self.layers
        gradient: Scores = (hidden[-1] > 0) * last[:, 0]
        for (matrix, _), below in zip(reversed(inner[1:]), reversed(hidden[:-1]), strict=True):
            gradient = product(gradient, matrix.T) * (below > 0)
        return outputs[:, 0], product(gradient, inner[0][0].T)


def fit_membership(members: Scores, non_members: Scores, fit: Fit, seed: int) -> dict[str, Tensor]:
    """Weights fitted on the model's scores (N, C) for examples it was trained on, and (M, C) for others.

    The rarer kind is repeated until both are equally many, so that a network which learns nothing says one half.
    """
    most = max(len(members), len(non_members))
    both = np.concatenate(
        [np.resize(members, (most, members.shape[1])), np.resize(non_members, (most, members.shape[1]))]
    )
    inputs = torch.from_numpy(np.sort(both, axis=1)).float()
    network = dense_network([inputs.shape[1], *HIDDEN, 2], seed)

    def gather(rows: Rows, change: Change | None) -> Tensor:
        return inputs[rows]

    descend(network, gather, np.repeat(np.array([1, 0]), most), fit, derive(seed, "fit"))
    return network.state_dict()
