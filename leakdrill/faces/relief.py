"""Light on the head: what stands out of the ellipsoid, as a sum of bumps, and how bright that makes each pixel."""

from typing import NamedTuple

import numpy as np

from leakdrill.faces.brush import Plane, Planes, bell, inside
from leakdrill.faces.chance import Column
from leakdrill.faces.scene import Scene


def illumination(scene: Scene) -> Planes:
    """Light on the head: its relief's normals by finite differences, a sheen, the hair's soft shadow."""
    light = scene.light
    nx, ny, nz = _normals(scene.depth + _relief(scene), scene.pixel)
    lit = light.on(nx, ny, nz)
    # Blinn's half vector, between the light and the viewer at (0, 0, 1)
    norm = 1 / np.sqrt(2 * light.z + 2)
    glance = nx * (norm * light.x) + ny * (norm * light.y) + nz * (norm * (light.z + 1))
    for _ in range(4):  # to the power of 16
        glance *= glance
    lit += light.key * (0.22 * glance)
    lit *= 0.55 + 0.45 * inside(scene.person.hairline + 0.12 - scene.y, 0.35)
    return lit


class Bump(NamedTuple):
    """A part of the relief, mirrored if off the middle line: place, reach, height, lift above the skin; head units."""

    x: Column
    y: Column
    reach_x: float
    reach_y: float
    height: Column
    lift: Column
    furthest: float = 0.0  # that x can be

    @property
    def extent(self) -> tuple[float, float]:
        """How far from the middle line's point the bump can be felt."""
        return self.furthest + 2 * self.reach_x, 2 * self.reach_y


def _bumps(scene: Scene) -> list[Bump]:
    person = scene.person
    eye, tip, out = person.eye_height, person.eye_height + person.nose_length, person.nose_height
    none = np.zeros_like(eye)
    cheek = person.cheeks + 0.02 * scene.photo.smile
    return [
        Bump(person.eye_spacing, eye, 0.17, 0.11, none - 0.050, none, furthest=0.36),  # sockets
        Bump(none + 0.40, none + 0.26, 0.17, 0.15, cheek, none, furthest=0.40),  # cheekbones
        Bump(none, eye + 0.6 * (tip - eye), 0.075, 0.24, 0.75 * out, 0.4 * out),  # bridge
        Bump(none, tip - 0.05, 0.085, 0.08, 0.65 * out, 0.7 * out),  # tip
        Bump(0.62 * person.nose_width, tip - 0.02, 0.06, 0.05, 0.35 * out, 0.3 * out, furthest=0.12),  # wings
        Bump(none, person.mouth_height + 0.02, 0.24, 0.16, none + 0.05, none),  # the mouth stands on the teeth
        Bump(none, none + 0.88, 0.17, 0.10, none + 0.05, none),  # chin
    ]


def _relief(scene: Scene) -> Plane:
    """How far the face stands out of the ellipsoid: the sum of all bumps. Each fades out within its patch."""
    relief = np.zeros_like(scene.depth)
    for bump in _bumps(scene):
        patch = scene.patch(0, bump.y, *bump.extent, bump.lift)
        risen = bump.height * bell(np.abs(patch.dx) - bump.x, patch.dy, bump.reach_x, bump.reach_y)
        for view, height in zip(patch.views(relief), risen, strict=True):
            view += height
    return relief


def _normals(depth: Plane, pixel: Column) -> tuple[Plane, Plane, Plane]:
    nx, ny = np.zeros_like(depth), np.zeros_like(depth)
    np.subtract(depth[:, :, :-2], depth[:, :, 2:], out=nx[:, :, 1:-1])
    np.subtract(depth[:, :-2], depth[:, 2:], out=ny[:, 1:-1])
    nz = 1 / np.sqrt(nx * nx + ny * ny + np.square(2 * pixel))
    nx *= nz
    ny *= nz
    nz *= 2 * pixel
    return nx, ny, nz
