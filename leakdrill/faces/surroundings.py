"""What is behind, below and beside the face: backdrop, neck, clothes, ears."""

from functools import lru_cache
from typing import Generic, NamedTuple

import numpy as np

from leakdrill.faces.brush import Plane, blend, inside, length
from leakdrill.faces.chance import Number
from leakdrill.faces.hair import SHORT, shape
from leakdrill.faces.palette import columns, mix, rgb
from leakdrill.faces.scene import Scene
from leakdrill.faces.traits import BACKDROPS, COLLARS


class Backdrop(NamedTuple, Generic[Number]):
    """Blurred patches of colour: a smoothly interpolated grid of random greys around a tinted mean. In 8-bit levels."""

    cells: Number
    red: Number
    green: Number
    blue: Number
    spread: Number  # between cells
    tint: Number  # from photo to photo
    horizon: Number  # half the change from top to bottom


BACKDROP_LOOKS = {
    "studio": Backdrop(2.0, 140.0, 140.0, 145.0, spread=12.0, tint=50.0, horizon=0.0),
    "room": Backdrop(4.0, 145.0, 128.0, 110.0, spread=32.0, tint=35.0, horizon=15.0),
    "street": Backdrop(6.0, 125.0, 125.0, 130.0, spread=38.0, tint=25.0, horizon=-35.0),
    "foliage": Backdrop(8.0, 85.0, 105.0, 65.0, spread=30.0, tint=18.0, horizon=0.0),
    "sky": Backdrop(3.0, 140.0, 170.0, 205.0, spread=12.0, tint=18.0, horizon=35.0),
    "night": Backdrop(6.0, 40.0, 36.0, 44.0, spread=32.0, tint=10.0, horizon=0.0),
}
GRID = 8  # the most cells across


def backdrop(scene: Scene) -> None:
    look = Backdrop(*BACKDROPS.look_up(scene.photo.backdrop, BACKDROP_LOOKS))
    dice = np.array([rng.standard_normal((4, 1 + GRID, GRID), dtype=np.float32) for rng in scene.generators])
    grey, colour = dice[:, :1], dice[:, 1:]  # (n, 1 or 3, 1 + grid, grid); the first row's first is for the whole photo
    mean = np.concatenate([look.red, look.green, look.blue], axis=1)[..., None]
    whole = look.tint[..., None] * (grey[:, :, :1, :1] + 0.4 * colour[:, :, :1, :1])
    levels = mean + whole + look.spread[..., None] * (grey[:, :, 1:] + 0.3 * colour[:, :, 1:])
    for k, cells in enumerate(look.cells.astype(int).ravel().tolist()):
        weights = _interpolation(scene.size, cells)
        slope = look.horizon[k] * (np.arange(cells, dtype=np.float32)[:, None] * (2 / (cells - 1)) - 1)
        photo = np.clip((levels[k, :, :cells, :cells] + slope) * (1 / 255), 0.03, 0.95)
        scene.canvas[:, k] = weights @ photo @ weights.T
    scene.canvas *= scene.canvas


@lru_cache
def _interpolation(size: int, cells: int) -> Plane:
    """Weights (size, cells) of a smooth interpolation; rows sum to 1."""
    away = np.abs(np.linspace(0, cells - 1, size, dtype=np.float32)[:, None] - np.arange(cells, dtype=np.float32))
    near = np.maximum(1 - away, 0)
    smooth: Plane = near * near * (3 - 2 * near)
    return smooth


def neck(scene: Scene) -> None:
    """The neck, with the chin's shadow on it."""
    rows, width = slice(scene.size // 2, None), scene.person.neck_width
    u, v = scene.u[:, rows] - 0.10 * scene.photo.yaw, scene.v[:, rows]
    below = np.maximum(v - 1.05, 0)
    across = u / (width + 0.9 * below * below)
    lit = scene.light.on(across, 0.0, np.sqrt(np.maximum(1 - across * across, 0)))
    lit *= 0.42 + 0.5 * np.clip((v - 0.85) * 1.6, 0, 1)
    lit *= scene.skin_colour
    blend(scene.canvas[:, :, rows], inside((np.abs(across) - 1) * width, 1.5 * scene.pixel), lit)


class Neckline(NamedTuple, Generic[Number]):
    """How low it is in the middle, how it rises to the sides (depth - slope |x| - curve x^2), and a collar or none."""

    depth: Number
    slope: Number
    curve: Number
    collar: Number


NECKLINES = {
    "round": Neckline(1.36, 0.0, 0.9, 0.0),
    "deep": Neckline(1.85, 1.7, 0.0, 0.0),
    "shirt": Neckline(1.50, 0.9, 0.0, 1.0),
}


def clothes(scene: Scene) -> None:
    """Shoulders under a garment."""
    photo, rows = scene.photo, slice(scene.size // 2, None)
    line = Neckline(*COLLARS.look_up(photo.collar, NECKLINES))
    bright = 0.12 + 0.75 * photo.cloth_bright
    cloth = columns(bright * photo.cloth_red, bright * photo.cloth_green, bright * photo.cloth_blue)
    u, y = scene.u[:, rows] - 0.06 * photo.yaw, scene.v[:, rows]
    x = np.abs(u)
    xx = x * x
    shoulder = 1.14 + 0.1 * scene.person.neck_width + 0.16 * xx
    edge = np.maximum(shoulder, line.depth - line.slope * x - line.curve * xx) - y
    across = np.clip(u * 0.6, -0.95, 0.95)
    lit = scene.light.on(across, -0.3, np.sqrt(1 - across * across))
    lit *= 0.9 + 0.1 * np.sin(9 * u + 5 * y + 6 * photo.cloth_red)
    target, soft = scene.canvas[:, :, rows], 1.5 * scene.pixel
    blend(target, inside(edge, soft), cloth * lit)
    band = inside(np.abs(edge) - 0.06, soft) * (x < 0.55) * line.collar
    blend(target, band, mix(cloth, rgb(240, 240, 240), 0.8) * lit)


def ears(scene: Scene) -> None:
    """Over short hair; the ear on the far side of a turned head is hidden by it."""
    person, shown = scene.person, shape(scene).cut.length < SHORT
    flesh = mix(scene.skin_colour, rgb(200, 90, 80), 0.2)
    for side in (-1.0, 1.0):
        u, v = scene.locate(side * 0.99 * person.face_width, person.eye_height + 0.14)
        area = scene.area(u + 0.03 * side, v, 0.14, 0.25)
        x, y = area.dx * (1 / 0.085), area.dy / person.ear_size
        radius = length(x, y)
        lit = scene.light.on(0.6 * side + 0.2 * x, 0.3 * y, 0.7) * (0.45 + 0.45 * np.minimum(radius, 1))
        hidden = inside((area.cut(scene.rim) - 1) * 0.7, 0.1) * (side * scene.photo.yaw > -0.1)
        target = area.cut(scene.canvas)
        blend(target, inside((radius - 1) * 0.1, 1.3 * scene.pixel) * (1 - hidden) * shown, flesh * lit)
        area.paste(scene.canvas, target)
