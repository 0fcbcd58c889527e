"""The defender's own membership network: what MemGuard's noise is made to confuse (Jia et al. 2019, section 4.1).

It reads the scores in ascending order, through hidden layers of 256, 128 and 64 neurons, as in the code that the
authors published. It is fitted in torch and then evaluated in NumPy float64, in blocks of a fixed number of rows:
matrix products of other sizes have other last bits, and a row's answer must not depend on its company.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from leakdrill.archs.initialise import initialise
from leakdrill.defences.base import Scores
from leakdrill.models.augment import Change
from leakdrill.models.fit import Fit
from leakdrill.models.training import Rows, descend
from leakdrill.seeds import derive, torch_generator

HIDDEN = (256, 128, 64)
BLOCK = 64  # rows in one matrix product

Vector = NDArray[np.float64]  # (N,)


@dataclass(frozen=True)
class MembershipNetwork:
    """ReLU layers (in, out) and their biases; the last has one output, the log-odds of "member"."""

    layers: tuple[tuple[NDArray[np.float64], NDArray[np.float64]], ...]

    @classmethod
    def of(cls, weights: dict[str, Tensor]) -> "MembershipNetwork":
        """From the weights that `fit_membership` gives: two outputs for two classes, whose difference is the odds."""
        pairs = [(weights[f"{2 * index}.weight"], weights[f"{2 * index}.bias"]) for index in range(len(weights) // 2)]
        layers = [(matrix.double().numpy().T.copy(), bias.double().numpy()) for matrix, bias in pairs]
        (*hidden, (matrix, bias)) = layers
        return cls((*hidden, (matrix[:, 1:] - matrix[:, :1], bias[1:] - bias[:1])))

    def log_odds(self, scores: Scores) -> Vector:
        """(N,) for ascending scores (N, C)."""
        return self._forward(scores)[-1][:, 0]

    def log_odds_and_gradient(self, scores: Scores) -> tuple[Vector, Scores]:
        """(N,), and how they change with each score (N, C)."""
        *hidden, outputs = self._forward(scores)
        (*inner, (last, _)) = self.layers
        gradient: Scores = (hidden[-1] > 0) * last[:, 0]
        for (matrix, _), below in zip(reversed(inner[1:]), reversed(hidden[:-1]), strict=True):
            gradient = _product(gradient, matrix.T) * (below > 0)
        return outputs[:, 0], _product(gradient, inner[0][0].T)

    def _forward(self, inputs: Scores) -> list[NDArray[np.float64]]:
        """What comes out of each layer."""
        outputs = []
        for index, (matrix, bias) in enumerate(self.layers, start=1):
            inputs = _product(inputs, matrix) + bias
            if index < len(self.layers):
                inputs = np.maximum(inputs, 0)
            outputs.append(inputs)
        return outputs


def fit_membership(members: Scores, non_members: Scores, fit: Fit, seed: int) -> dict[str, Tensor]:
    """Weights fitted on the model's scores (N, C) for examples it was trained on, and (M, C) for others.

    The rarer kind is repeated until both are equally many, so that a network which learns nothing says one half.
    """
    most = max(len(members), len(non_members))
    both = np.concatenate(
        [np.resize(members, (most, members.shape[1])), np.resize(non_members, (most, members.shape[1]))]
    )
    inputs = torch.from_numpy(np.sort(both, axis=1)).float()
    widths = [inputs.shape[1], *HIDDEN, 2]
    layers = [layer for pair in pairwise(widths) for layer in (nn.Linear(*pair), nn.ReLU())]
    network = nn.Sequential(*layers[:-1])
    initialise(network, torch_generator(seed, "initial weights"))

    def gather(rows: Rows, change: Change | None) -> Tensor:
        return inputs[rows]

    descend(network, gather, np.repeat(np.array([1, 0]), most), fit, derive(seed, "fit"))
    return network.state_dict()


def _product(rows: NDArray[np.float64], matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """(N, in) @ (in, out), block by block, the last one padded."""
    num_rows = len(rows)
    num_blocks = -(-num_rows // BLOCK)
    if num_rows % BLOCK:
        rows = np.concatenate([rows, np.zeros((num_blocks * BLOCK - num_rows, rows.shape[1]))])
    product = np.matmul(rows.reshape(num_blocks, BLOCK, -1), matrix)
    return np.asarray(product.reshape(num_blocks * BLOCK, -1)[:num_rows])
