"""Colours, as linear light: the camera's curve is a square root, so a palette's sRGB values are squared."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leakdrill.faces.chance import Column

Colour = NDArray[
    np.floating[Any]
]  # (3, n or 1, 1, 1): red, green, blue in linear light, [0, 1]; meets planes (3, n, h, w)


def rgb(red: float, green: float, blue: float) -> Colour:
    """A colour given as a picture editor shows it, 0 to 255."""
    return (np.array([red, green, blue], dtype=np.float32) / 255)[:, None, None, None] ** 2


def columns(red: Column, green: Column, blue: Column) -> Colour:
    """One colour for each of n, given as shares of full brightness, [0, 1]."""
    return np.stack([red, green, blue]) ** 2


def along(ramp: Sequence[Colour], position: Column) -> Colour:
    """The colour at `position` in [0, 1] of an evenly spaced ramp."""
    at = np.clip(position, 0, 1) * (len(ramp) - 1)
    mixed: Colour = ramp[0] * np.maximum(1 - at, 0)
    for i, colour in enumerate(ramp[1:], start=1):
        mixed = mixed + colour * np.maximum(1 - np.abs(at - i), 0)
    return mixed


def mix(first: Colour, second: Colour, share: Column | float) -> Colour:
    """`share` of the second colour in the first."""
    mixed: Colour = first + share * (second - first)
    return mixed


def tint(warmth: Column) -> Colour:
    """A filter towards red (positive) or blue (negative)."""
    return np.stack([1 + warmth, np.ones_like(warmth), 1 - warmth])


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
LENS = rgb(40, 42, 48)
LIP_RED = rgb(176, 42, 58)
BLUSH = rgb(205, 80, 70)
FRECKLE = rgb(120, 60, 30)
EYE_SHADOW = rgb(70, 30, 35)
MOUTH = rgb(70, 18, 20)
TEETH = rgb(238, 232, 220)
SCLERA = rgb(224, 216, 212)
WHITE = rgb(255, 255, 255)
DARK = rgb(16, 10, 10)
