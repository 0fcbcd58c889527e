"""The first layer of networks for tables: each column at mean 0 and deviation 1, by the training data of its owner."""

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from leakdrill.data.examples import Inputs

CHUNK = 4096  # rows at once: the training data may be a memory map


class Standardise(nn.Module):
    """y = scale * x + shift, column by column; both are part of the weights, and travel with a feature extractor.

    A column that holds nothing but 0 and 1 stays as it is, and one that never changes is moved to 0. (A scale and a
    shift rather than a deviation and a mean: rounded to 16 or 8 bits, or with noise, they stay harmless.)
    """

    scale: Tensor  # (F,)
    shift: Tensor  # (F,)
    num_fitted: Tensor  # rows it was fitted on, as an int64 scalar; 0: not yet

    def __init__(self, num_features: int) -> None:
        super().__init__()
        self.register_buffer("scale", torch.ones(num_features))
        self.register_buffer("shift", torch.zeros(num_features))
        self.register_buffer("num_fitted", torch.zeros((), dtype=torch.int64))

    def reset_parameters(self) -> None:
        self.scale.fill_(1)
        self.shift.zero_()
        self.num_fitted.zero_()

    @property
    def is_fitted(self) -> bool:
        return self.num_fitted.item() > 0

    def fit(self, rows: Inputs) -> None:
        """Take the scales of rows (N, F), which may be a memory map."""
        count = max(1, len(rows))
        mean = sum((chunk.sum(axis=0) for chunk in _chunks(rows)), np.zeros(rows.shape[1])) / count
        squares = (np.square(chunk - mean).sum(axis=0) for chunk in _chunks(rows))
        deviation = np.sqrt(sum(squares, np.zeros(rows.shape[1])) / count)
        scale, shift = 1 / np.where(deviation > 0, deviation, 1), -mean
        binary = is_binary(rows)
        scale[binary], shift[binary] = 1, 0
        self.scale.copy_(torch.from_numpy(scale))
        self.shift.copy_(torch.from_numpy(shift * scale))
        self.num_fitted.fill_(len(rows))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.scale + self.shift


def is_binary(rows: Inputs) -> NDArray[np.bool_]:
    """(F,): the columns of rows (N, F) that hold nothing but 0 and 1."""
    binary = np.ones(rows.shape[1], np.bool_)
    for chunk in _chunks(rows):
        binary &= ((chunk == 0) | (chunk == 1)).all(axis=0)
    return binary


def _chunks(rows: Inputs) -> Iterator[NDArray[np.float64]]:
    for start in range(0, len(rows), CHUNK):
        yield rows[start : start + CHUNK].astype(np.float64)
