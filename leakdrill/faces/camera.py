"""From light to 8-bit levels: exposure, tone curve, defocus, sensor noise."""

from math import ceil

import numpy as np
from numpy.typing import NDArray

from leakdrill.faces.brush import Planes
from leakdrill.faces.chance import Column
from leakdrill.faces.palette import Colour
from leakdrill.faces.scene import Scene
from leakdrill.faces.traits import MAX_BLUR

REFERENCE_SIZE = 64  # blur is given in pixels of an image of this size
LUMA: Colour = np.array([0.25, 0.65, 0.10], dtype=np.float32)[:, None, None, None]  # roughly an eye's share of each


def expose(scene: Scene) -> NDArray[np.uint8]:
    """The photographs, (n, size, size, 3)."""
    photo, size = scene.photo, scene.size
    levels = _develop(scene.canvas, photo.exposure, photo.saturation * (1 - photo.monochrome))
    _defocus(levels, photo.blur, size / REFERENCE_SIZE)
    grain = np.array([rng.standard_normal((size, size), dtype=np.float32) for rng in scene.generators])
    levels += photo.noise * grain
    pixels = np.clip(levels, 0, 255, out=levels).astype(np.uint8)
    return np.ascontiguousarray(pixels.transpose(1, 2, 3, 0))


def _develop(light: Planes, exposure: Column, saturation: Column) -> Planes:
    """Levels from 0 to 255: a soft shoulder keeps the highlights, the square root is the display's gamma."""
    grey = np.add.reduce(light * LUMA, axis=0)
    light = light * (exposure * saturation)
    light += (exposure * (1 - saturation)) * grey
    np.maximum(light, 0, out=light)
    light /= 1 + 0.2 * light
    levels: Planes = np.sqrt(light, out=light)
    levels *= 255
    return levels


def _defocus(levels: Planes, sigma: Column, scale: float) -> None:
    """A Gaussian blur in place, by passes of the kernel (w, 1 - 2w, w), whose variance is 2w; w is at most 1/4."""
    passes = ceil(2 * (MAX_BLUR * scale) ** 2)
    weight = (sigma * scale) ** 2 / (2 * passes)
    for _ in range(passes):
        for view in (levels, levels.swapaxes(2, 3)):
            step = (view[:, :, 1:] - view[:, :, :-1]) * weight
            view[:, :, :-1] += step
            view[:, :, 1:] -= step
