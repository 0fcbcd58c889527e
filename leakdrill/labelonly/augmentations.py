"""Shifted and rotated copies of images (Label-Only, section 3.3). What moves in from outside repeats the edge."""

import numpy as np
from numpy.typing import NDArray

Images = NDArray[np.uint8]


def translations(images: Images, pixels: int) -> Images:
    """(N, 4 * pixels + 1, H, W, 3): each image as it is, then shifted by every (i, j) with |i| + |j| = pixels."""
    return np.stack([_shifted(images, down, right) for down, right in shifts(pixels)], axis=1)


def shifts(pixels: int) -> list[tuple[int, int]]:
    """(0, 0), and the whole displacements of that length in the sum of their parts, in a fixed order."""
    steps = range(-pixels, pixels + 1)
    return [(0, 0), *((down, right) for down in steps for right in steps if abs(down) + abs(right) == pixels)]


def rotations(images: Images, degrees: float) -> Images:
    """(N, 3, H, W, 3): each image as it is, turned by so many degrees one way, and the other; interpolated linearly."""
    from scipy import ndimage  # here: it takes half a second, and every process imports this module

    turned = [
        ndimage.rotate(images, angle, axes=(1, 2), reshape=False, order=1, mode="nearest")
        for angle in (degrees, -degrees)
    ]
    return np.stack([images, *turned], axis=1)


def _shifted(images: Images, down: int, right: int) -> Images:
    height, width = images.shape[1:3]
    rows = np.clip(np.arange(height) - down, 0, height - 1)
    columns = np.clip(np.arange(width) - right, 0, width - 1)
    return images[:, rows[:, np.newaxis], columns]
