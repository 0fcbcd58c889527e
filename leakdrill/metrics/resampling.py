"""The stratified bootstrap over the challenge: members and non-members are resampled apart.

A resample is a row of counts, how often each example was drawn, so every statistic is a weighted sum over one sorted
order and no resample is ever sorted again. Counts are kept as bytes: 1,000 resamples of 50,000 examples are 50 MB.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from leakdrill.metrics.judged import Judged
from leakdrill.seeds import derive, numpy_generator

SEED = derive("leakdrill", "bootstrap")  # fixed: one challenge is resampled the same way for every attack
NUM_RESAMPLES = 1000
_ROWS = 64  # resamples worked on at once, so that they stay in the processor's cache


@dataclass(frozen=True)
class Resamples:
    """How often each member (B, M) and each non-member (B, N) was drawn in each of B resamples."""

    members: NDArray[np.uint8]
    non_members: NDArray[np.uint8]

    @classmethod
    def draw(cls, judged: Judged, num: int = NUM_RESAMPLES, seed: int = SEED) -> "Resamples":
        return cls(
            _draw(judged.num_members, num, numpy_generator(seed, "members")),
            _draw(judged.num_non_members, num, numpy_generator(seed, "non_members")),
        )

    @classmethod
    def identity(cls, judged: Judged) -> "Resamples":
        """The sample itself, so that a value and its bootstrap come from one formula."""
        return cls(np.ones((1, judged.num_members), np.uint8), np.ones((1, judged.num_non_members), np.uint8))

    def blocks(self) -> Iterator[tuple[NDArray[np.float64], NDArray[np.float64]]]:
        """Counts of (members, non-members) as floats, some rows at a time."""
        for start in range(0, len(self.members), _ROWS):
            rows = slice(start, start + _ROWS)
            yield self.members[rows].astype(np.float64), self.non_members[rows].astype(np.float64)


def _draw(size: int, num: int, generator: np.random.Generator) -> NDArray[np.uint8]:
    counts = np.empty((num, size), np.uint8)
    for start in range(0, num, _ROWS):
        block = counts[start : start + _ROWS]
        drawn = generator.integers(size, size=block.shape) + size * np.arange(len(block))[:, None]
        block[:] = np.bincount(drawn.ravel(), minlength=block.size).reshape(block.shape)
    return counts
