"""What the layers paint with: soft edges, soft bumps, and windows around features.

Edges are antialiased by how much of a pixel they cover, a soft step over the distance to them. It looks like
supersampling and costs a quarter of it.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from leakdrill.faces.chance import Column
from leakdrill.faces.palette import Colour

Plane = NDArray[np.floating[Any]]  # (n, h, w)
Planes = NDArray[np.floating[Any]]  # (3, n, h, w), linear light, or another stack of planes


def inside(distance: Plane, softness: float | Column) -> Plane:
    """How much of each pixel lies within an edge, given the distance out of it: 1 inside, 0 outside, a ramp between."""
    ramp: Plane = distance * (-1 / softness)
    ramp += 0.5
    np.maximum(ramp, 0, out=ramp)
    return np.minimum(ramp, 1, out=ramp)


def length(x: Plane, y: Plane) -> Plane:
    """Of the vector (x, y); much faster than hypot, which guards against overflow."""
    squared: Plane = x * x
    squared += y * y
    return np.sqrt(squared, out=squared)


def bell(x: Plane, y: Plane, reach_x: float | Column, reach_y: float | Column) -> Plane:
    """A bump of height 1 at the origin that falls to 1/e at the reach."""
    falling: Plane = x * x * (-1 / reach_x**2)
    falling += y * y * (-1 / reach_y**2)
    return np.exp(falling, out=falling)


def blend(target: Planes, coverage: Plane, colour: Planes | Colour) -> None:
    """Paint `colour` over `target` in place."""
    change = colour - target
    change *= coverage
    target += change


class Patch(NamedTuple):
    """A window of each photo around one feature, and its pixels' place relative to it (head units)."""

    size: tuple[int, int]  # of the window, the same for all photos
    corners: list[tuple[int, int]]  # row and column of each window's first pixel
    dx: Plane
    dy: Plane

    def views(self, planes: Planes) -> Iterator[Planes]:
        """Each photo's window (..., h, w) in planes (..., n, height, width)."""
        height, width = self.size
        for k, (row, column) in enumerate(self.corners):
            yield planes[..., k, row : row + height, column : column + width]

    def cut(self, planes: Planes) -> Planes:
        """A copy (..., n, h, w) of all windows."""
        cut = np.empty((*planes.shape[:-2], *self.size), np.float32)
        for k, view in enumerate(self.views(planes)):
            cut[..., k, :, :] = view
        return cut

    def paste(self, planes: Planes, windows: Planes) -> None:
        """Put windows back where they were cut."""
        for k, view in enumerate(self.views(planes)):
            view[:] = windows[..., k, :, :]
