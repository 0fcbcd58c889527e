"""Where a search may look: a box, the grid of values that can be asked about, and the norm distances are taken in."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Norm = Literal["l2", "linf"]


@dataclass(frozen=True)
class Space:
    """Points are float32 in [low, high], and multiples of `quantum` away from `low` if that is not 0."""

    low: float = 0.0
    high: float = 1.0
    quantum: float = 0.0
    norm: Norm = "l2"

    def clip(self, points: Floats) -> Floats:
        """The nearest points in the box; in place."""
        return np.clip(points, self.low, self.high, out=points)

    def round(self, points: Floats) -> Floats:
        """The nearest points of the grid; in place. Without a grid, the points as they are."""
        if self.quantum:
            points -= np.float32(self.low)
            points /= np.float32(self.quantum)
            np.rint(points, out=points)
            points *= np.float32(self.quantum)
            points += np.float32(self.low)
        return points

    def lengths(self, differences: Floats) -> NDArray[np.float64]:
        """Of the rows of (N, D): (N,)."""
        if self.norm == "linf":
            largest: NDArray[np.float64] = np.abs(differences).max(axis=1).astype(np.float64)
            return largest
        # summed row by row, in float64: the same for an example whatever its place among the rows
        squares: NDArray[np.float64] = np.square(differences, dtype=np.float64).sum(axis=1)
        return np.sqrt(squares)

    def between(self, inner: Floats, outer: Floats, shares: NDArray[np.float64]) -> Floats:
        """The points at the given shares (N,) of the way from `inner` (N, D) to `outer`, not rounded.

        In the maximum norm every coordinate goes as far as it may within that share of the distance (HopSkipJump's
        projection), not along the straight line.
        """
        differences = outer - inner
        if self.norm == "linf":
            radii = (shares * self.lengths(differences)).astype(np.float32)[:, np.newaxis]
            np.clip(differences, -radii, radii, out=differences)
        else:
            differences *= shares.astype(np.float32)[:, np.newaxis]
        differences += inner
        return differences


#: Images as the APIs take them: distances come in grey levels, 1/255 of the range.
GREY_LEVELS = Space(low=0.0, high=255.0, quantum=1.0)
