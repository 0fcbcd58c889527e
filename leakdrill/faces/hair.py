"""Hair: one shape with many cuts. A capsule around the skull, less an opening for the face, cut off at a length."""

from functools import lru_cache
from typing import Generic, NamedTuple

import numpy as np

from leakdrill.faces.brush import Plane, Planes, blend, inside, length
from leakdrill.faces.chance import Column, Number
from leakdrill.faces.scene import Scene
from leakdrill.faces.traits import HAIRSTYLES


class Cut(NamedTuple, Generic[Number]):
    """Lengths in head units around the skull's outline; `opening` is a share of the face's half width."""

    top: Number  # volume above the crown
    sides: Number  # volume beside the temples
    length: Number  # height (v) at which the hair ends
    opening: Number
    fringe: Number  # how much lower than the natural hairline the hair falls on the forehead
    sweep: Number  # slant of the hairline, to the side of the parting
    square: Number  # of the hairline's arch: 0 = round, 1 = squarish
    curl: Number  # raggedness of the outline
    tufts: Number  # 0 = smooth strands
    soft: Number  # how gradually hair gives way to skin at the hairline and the temples
    bun: Number  # 1 = with a bun


# fmt: off
CUTS = {  #            top  sides length open fringe sweep square curl tufts soft bun
    "bald":      Cut(0.00, 0.00, -9.00, 1.00, +0.00, 0.00, 0.0, 0.00, 0.0, 0.12, 0.0),
    "receding":  Cut(0.03, 0.02, +0.12, 0.93, -0.26, 0.00, 0.0, 0.00, 0.6, 0.25, 0.0),
    "buzz":      Cut(0.02, 0.01, +0.10, 0.95, +0.00, 0.00, 0.5, 0.00, 1.5, 0.25, 0.0),
    "crop":      Cut(0.09, 0.04, +0.12, 0.93, +0.02, 0.00, 0.5, 0.02, 1.5, 0.20, 0.0),
    "quiff":     Cut(0.20, 0.02, +0.10, 0.95, -0.04, 0.00, 0.5, 0.04, 0.8, 0.20, 0.0),
    "side_part": Cut(0.13, 0.05, +0.14, 0.92, +0.05, 0.28, 0.2, 0.00, 0.3, 0.15, 0.0),
    "curly":     Cut(0.18, 0.15, +0.40, 0.88, +0.10, 0.00, 0.3, 0.06, 2.0, 0.12, 0.0),
    "afro":      Cut(0.34, 0.38, +0.50, 0.90, +0.00, 0.00, 0.5, 0.03, 3.0, 0.12, 0.0),
    "tied":      Cut(0.04, 0.02, +0.10, 0.92, +0.00, 0.10, 0.0, 0.00, 0.0, 0.12, 1.0),
    "bob":       Cut(0.13, 0.17, +0.80, 0.80, +0.04, 0.25, 0.0, 0.00, 0.0, 0.12, 0.0),
    "fringe":    Cut(0.12, 0.14, +1.35, 0.80, +0.28, 0.00, 1.0, 0.00, 0.0, 0.12, 0.0),
    "long":      Cut(0.11, 0.15, +1.75, 0.79, +0.00, 0.18, 0.0, 0.00, 0.2, 0.12, 0.0),
}
# fmt: on
BUN = 0.28  # radius
SHORT = 0.3  # shorter than this, the ears show
CENTRE = -0.08  # of the capsule's dome; the skull's fullest part is above the ellipse's centre


class Shape(NamedTuple):
    cut: Cut[Column]
    cover: Plane  # how much of each pixel is hair, as if the head had no face
    texture: Planes  # its lit colour


def back_hair(scene: Scene) -> None:
    """What hangs behind the neck and shoulders, in their shade, and buns."""
    cut, cover, texture = shape(scene)
    blend(scene.canvas, cover, texture * 0.5)
    for single in scene.each(cut.bun):
        _bun(single)


def _bun(scene: Scene) -> None:
    bun = scene.area(0.3 * scene.photo.yaw, np.full_like(scene.pixel, -1.12), BUN, BUN)
    ball = length(bun.dx, bun.dy) - BUN
    lit = scene.light.on(bun.dx * 2, bun.dy * 2, 0.6) * (0.9 + 0.2 * np.sin(40 * ball))
    target = bun.cut(scene.canvas)
    blend(target, inside(ball, 0.05), scene.hair_colour * lit)
    bun.paste(scene.canvas, target)


def hair(scene: Scene) -> None:
    """What lies on the skull and falls beside the face."""
    cut, cover, texture = shape(scene)
    blend(scene.canvas, cover * (1 - _opening(scene, cut)), texture)


@lru_cache(maxsize=1)  # two layers of a scene need it
def shape(scene: Scene) -> Shape:
    person, photo, u, v = scene.person, scene.photo, scene.u, scene.v - CENTRE
    cut = Cut(*HAIRSTYLES.look_up(person.hairstyle, CUTS))
    volume = person.hair_volume * photo.hair_lift
    across = u / (scene.half_width + cut.sides * volume + 0.03 + (0.06 * cut.sides) * np.maximum(v, 0))
    up = np.minimum(v, 0) / (1 + CENTRE + cut.top * volume)
    xx, yy = across * across, up * up
    radius = xx + yy - 0.35 * np.minimum(xx * yy, 1)  # a dome squarer than an ellipse
    nz = np.sqrt(np.maximum(1 - radius, 0.03))
    strands = _strands(scene, cut)
    outer = (np.sqrt(radius) - 1) * person.face_width
    outer -= cut.curl * (np.sin(15 * u + person.hair_phase) * np.sin(13 * v) + 0.4 * strands)
    lowest = cut.length * np.where(cut.length < SHORT, 1, person.hair_length)
    end = v - (lowest - CENTRE) + 0.06 * np.sin(23 * u + person.hair_phase)
    cover = inside(outer, 0.06 + cut.curl) * inside(end, 1.4 * cut.soft)

    shine = np.exp(np.square((v + 0.55 + 0.12 * strands) * (1 / 0.14)) * -1) * nz / (1 + cut.tufts)
    lit = scene.light.on(across, up, nz)
    lit *= 0.8 + 0.28 * strands + 0.4 * shine
    lit *= scene.hair_colour
    lit += shine * 0.012
    return Shape(cut, cover, lit)


def _strands(scene: Scene, cut: Cut[Column]) -> Plane:
    """A texture in [-1, 1] that runs from the parting outwards and down, in tufts if the cut is rough."""
    person, u, v = scene.person, scene.u, scene.v
    phase = person.hair_phase + 3 * scene.photo.tousle
    fan = (u - 0.25 * person.parting) / (np.abs(v + 1.15) + 0.6)
    wave = 9 * fan + (0.6 + cut.tufts) * np.sin((3 + 2 * cut.tufts) * v + 5 * fan + phase)
    warped = 2.3 * wave + 1.7 * np.sin(1.3 * wave + phase)
    strands: Plane = 0.55 * np.sin(warped) + 0.45 * np.sin(2.7 * warped + phase)
    return strands


def _opening(scene: Scene, cut: Cut[Column]) -> Plane:
    """Where the face shows: below the hairline, between the temples, on the front half of the head."""
    person, photo = scene.person, scene.photo
    x = (scene.x + 0.03 * photo.tousle) / (cut.opening * person.face_width)
    slanted = scene.y - (cut.sweep * np.sign(person.parting)) * scene.x
    y = np.minimum(slanted, 0) / (person.hairline + cut.fringe + photo.tousle)
    xx = x * x
    edge = xx * (1 - cut.square + cut.square * xx) + y * y - 1
    return inside(edge, cut.soft) * inside(0.06 - scene.z, 0.15)
