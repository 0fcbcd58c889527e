"""Colours, as linear light: the camera's curve is a square root, so a palette's sRGB values are squared."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Colour = NDArray[np.float32]  # (3,) red, green, blue in linear light, [0, 1]


def rgb(red: float, green: float, blue: float) -> Colour:
    """A colour given as a picture editor shows it, 0 to 255."""
    return (np.array([red, green, blue], dtype=np.float32) / 255) ** 2


def along(ramp: Sequence[Colour], position: float) -> Colour:
    """The colour at `position` in [0, 1] of an evenly spaced ramp."""
    at = min(max(position, 0.0), 1.0) * (len(ramp) - 1)
    below = min(int(at), len(ramp) - 2)
    return mix(ramp[below], ramp[below + 1], at - below)


def mix(first: Colour, second: Colour, share: float) -> Colour:
    """`share` of the second colour in the first."""
    mixed: Colour = first + np.float32(share) * (second - first)
    return mixed


def warm(colour: Colour, warmth: float) -> Colour:
    """Shift towards red (positive) or blue (negative)."""
    tint = np.array([1 + warmth, 1, 1 - warmth], dtype=np.float32)
    warmed: Colour = np.clip(colour * tint, 0, 1)
    return warmed


SKIN = [
    rgb(250, 218, 196),
    rgb(240, 200, 170),
    rgb(226, 178, 142),
    rgb(205, 150, 112),
    rgb(170, 115, 80),
    rgb(125, 80, 55),
    rgb(88, 56, 40),
]
HAIR = [rgb(18, 15, 14), rgb(34, 25, 20), rgb(62, 42, 30), rgb(98, 68, 45), rgb(150, 112, 70), rgb(208, 172, 116)]
HAIR_RED = rgb(150, 70, 35)
HAIR_GREY = rgb(172, 170, 168)
IRIS = [rgb(40, 24, 14), rgb(70, 42, 22), rgb(105, 72, 38), rgb(100, 110, 60), rgb(95, 135, 120), rgb(90, 135, 175)]
FRAMES = [rgb(15, 15, 18), rgb(30, 24, 22), rgb(95, 55, 30), rgb(150, 130, 100)]
LIP_RED = rgb(176, 42, 58)
MOUTH = rgb(70, 18, 20)
TEETH = rgb(238, 232, 220)
SCLERA = rgb(232, 226, 222)
DARK = rgb(16, 10, 10)
