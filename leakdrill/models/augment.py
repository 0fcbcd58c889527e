"""What training does to its images: mirrored, moved, with a hole cut out (Label-Only, section 6.1).

The paper trains in two ways: on *all* translations of every image in each epoch, the very ones that its translation
attack asks about (`Fit.translate`); and, with FixMatch's pipeline (Sohn et al. 2020), on one random draw of flip, shift
and cut-out per image and epoch. What moves in from outside repeats the edge, as in the attack.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from leakdrill.errors import ScenarioError
from leakdrill.labelonly.augmentations import shifts
from leakdrill.models.fit import Fit

GREY = 128  # 0 where the models see it


@dataclass(frozen=True, eq=False)
class Change:
    """What is done to each of the B images of a batch, in this order; None: nothing of that kind."""

    mirrored: NDArray[np.bool_] | None = None  # (B,)
    moved: NDArray[np.int64] | None = None  # (B, 2): pixels down and right
    holes: NDArray[np.float64] | None = None  # (B, 2): the middle of each hole, as a share of height and width
    hole_size: int = 0  # pixels a side

    def apply(self, images: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Images (B, H, W, C), which are overwritten or copied. Raises ScenarioError for anything but images."""
        if images.ndim != 4:
            raise ScenarioError(
                f"flip, translate, shift and cutout are for images, got records of shape {images.shape[1:]}: "
                "leave them out of the fit"
            )
        if self.mirrored is not None:
            images[self.mirrored] = images[self.mirrored, :, ::-1]
        if self.moved is not None:
            images = _moved(images, self.moved)
        if self.holes is not None:
            images[_inside(images, self.holes, self.hole_size)] = GREY
        return images


def draw_change(fit: Fit, places: NDArray[np.int64], generator: np.random.Generator) -> Change | None:
    """The change of a batch by `fit`, None if it asks for none.

    places (B,): which of its translations, (0, 0) among them, each image stands for. A hole may hang over the edge
    (DeVries and Taylor 2017, section 3).
    """
    if not (fit.flip or fit.translate or fit.shift or fit.cutout):
        return None
    size = len(places)
    mirrored = generator.random(size) < 0.5 if fit.flip else None
    moved = np.array(shifts(fit.translate))[places] if fit.translate else np.zeros((size, 2), np.int64)
    if fit.shift:
        moved = moved + generator.integers(-fit.shift, fit.shift, (size, 2), endpoint=True)
    holes = generator.random((size, 2)) if fit.cutout else None
    return Change(mirrored, moved if fit.translate or fit.shift else None, holes, fit.cutout)


def _moved(images: NDArray[np.uint8], by: NDArray[np.int64]) -> NDArray[np.uint8]:
    height, width = images.shape[1:3]
    rows = np.clip(np.arange(height) - by[:, :1], 0, height - 1)  # (B, H)
    columns = np.clip(np.arange(width) - by[:, 1:], 0, width - 1)
    return np.asarray(images[np.arange(len(images))[:, None, None], rows[:, :, None], columns[:, None, :]])


def _inside(images: NDArray[np.uint8], holes: NDArray[np.float64], size: int) -> NDArray[np.bool_]:
    """(B, H, W): the pixels of each image that are in its hole."""
    height, width = images.shape[1:3]
    first = (holes * (height, width)).astype(np.int64) - size // 2
    rows = np.arange(height) - first[:, :1]
    columns = np.arange(width) - first[:, 1:]
    is_row, is_column = (rows >= 0) & (rows < size), (columns >= 0) & (columns < size)
    return np.asarray(is_row[:, :, None] & is_column[:, None, :])
