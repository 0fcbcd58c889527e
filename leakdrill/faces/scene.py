"""Photos in the making: the canvas, where each pixel lies on the head, and the light.

A head is an ellipsoid seen in parallel projection. Every pixel's ray meets it in closed form, so that a feature painted
at a place on the face moves and foreshortens with yaw, pitch and roll.

Photos are drawn n at a time, since at 64 x 64 a NumPy call costs more than its arithmetic; none depends on the others.
Shapes: columns (n, 1, 1), planes (n, h, w), colours (3, n, 1, 1), colour planes (3, n, h, w).
"""

from collections.abc import Callable, Iterator, Sequence
from copy import copy
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from leakdrill.faces.brush import Patch, Plane, Planes
from leakdrill.faces.chance import Column
from leakdrill.faces.palette import HAIR, HAIR_GREY, HAIR_RED, SKIN, Colour, along, mix, tint
from leakdrill.faces.traits import Person, Photo

HEAD_DEPTH = 0.9  # half, against a half height of 1
JAW_AT, JAW_REACH = 0.68, 0.36  # where `Person.jaw` widens the ellipse most, and how far that reaches
DOME, DOME_AT, DOME_REACH = 0.10, -0.78, 0.40  # the same for the skull's, which is flatter on top than an ellipse
MAX_ZOOM, MAX_TILT = 0.84, 0.24  # of any photo (`Photo.zoom`; the sine of `Photo.roll`), and a little more
CHIN_FORWARD = 0.20  # the jaw is shallower than the skull: how far a turned head's chin stands out to the front


class Light(NamedTuple):
    """A key light and a uniform ambient one. The direction points to the light, in image axes (z to the viewer)."""

    x: Column
    y: Column
    z: Column
    key: Colour
    ambient: Colour

    def on(self, nx: Plane, ny: Plane | float, nz: Plane | float) -> Planes:
        """Diffuse light (3, n, h, w) on a surface with these unit normals; its shadow is soft-edged, as skin's is."""
        facing = nx * (0.85 * self.x)
        facing += ny * (0.85 * self.y) + 0.15
        facing += nz * (0.85 * self.z)
        lit: Planes = self.key * np.maximum(facing, 0, out=facing)
        lit += self.ambient
        return lit


class Scene:
    """The state that the layers read and paint on. `generators` go on where the traits' draws ended."""

    def __init__(self, person: Person, photo: Photo, size: int, generators: Sequence[np.random.Generator]) -> None:
        self.person, self.photo, self.size, self.generators = person, photo, size, generators
        self.canvas: Planes = np.empty((3, len(generators), size, size), np.float32)
        self.pixel = 2 / (size * photo.zoom)  # in head units
        self.light = _light(photo)
        self.skin_colour = np.minimum(along(SKIN, person.skin_tone) * tint(person.skin_warmth), 1)
        self.hair_colour = _hair_colour(person)
        self._roll = np.cos(photo.roll), np.sin(photo.roll)
        self._camera = _camera(photo)
        self.half_width = np.sqrt(
            np.square(person.face_width * np.cos(photo.yaw)) + np.square(HEAD_DEPTH * np.sin(photo.yaw))
        )
        self.uv = self._upright_plane()
        self.u, self.v = self.uv[0], self.uv[1]
        self.xy, self.z, self.depth, self.rim = self._meet_head()
        self.x, self.y = self.xy[0], self.xy[1]

    def _upright_plane(self) -> Planes:
        """Head units around the head's centre, with zoom, shift and roll undone; v points down."""
        photo, (c, s), (xs, ys) = self.photo, self._roll, _pixel_centres(self.size)
        dx, dy = (xs - photo.shift_x) / photo.zoom, (ys - photo.shift_y) / photo.zoom
        return np.stack([c * dx + s * dy, c * dy - s * dx])

    def _meet_head(self) -> tuple[Planes, Plane, Plane, Plane]:
        """Where each pixel's ray meets the head: head coordinates x and y, z, depth, and rim.

        The rim is 1 on the outline and less inside. With e_j the camera's axes seen from the head and divided by its
        semi-axes, a point u e_0 + v e_1 + t e_2 of the ray is on the ellipsoid where its norm is 1: a quadratic in t.
        Rays that miss get their nearest point.
        """
        across = self.person.face_width
        e0, e1, e2 = ((right / across, down, front / HEAD_DEPTH) for right, down, front in self._camera)
        a = _dot(e2, e2)
        b0, b1 = _dot(e0, e2) / a, _dot(e1, e2) / a
        quu, quv, qvv = _dot(e0, e0) - a * b0 * b0, _dot(e0, e1) - a * b0 * b1, _dot(e1, e1) - a * b1 * b1
        v = self.v
        u = (self.u - self._chin(v)) / self._width(v)
        rim = u * (quu * u + (2 * quv) * v) + qvv * (v * v)
        depth = np.sqrt(np.maximum(1 - rim, 0)) * (1 / np.sqrt(a)) - (b0 * u + b1 * v)
        x, y, z = (r0 * u + r1 * v + r2 * depth for r0, r1, r2 in zip(*self._camera, strict=True))
        return np.stack([x, y]), z, depth, np.sqrt(rim)

    def _width(self, v: Plane) -> Plane:
        """The factor by which the head is wider than its ellipse at height v."""
        jaw = np.exp(np.square((v - JAW_AT) * (1 / JAW_REACH)) * -1)
        dome = np.exp(np.square((v - DOME_AT) * (1 / DOME_REACH)) * -1)
        wider: Plane = 1 + self.person.jaw * jaw + DOME * dome
        return wider

    def _chin(self, v: Plane) -> Plane:
        """How far the head is displaced to its front at height v."""
        forward: Plane = (CHIN_FORWARD * self._camera[0][2]) * np.square(np.maximum(v, 0))
        return forward

    def locate(self, x: float | Column, y: float | Column, lift: float | Column = 0.0) -> tuple[Column, Column]:
        """Where the point (x, y) of the face, `lift` above the skin, appears in the upright plane."""
        flat = np.square(x / self.person.face_width) + np.square(y)
        z = HEAD_DEPTH * np.sqrt(np.maximum(1 - flat, 0.02)) + lift
        u, v, _ = (row[0] * x + row[1] * y + row[2] * z for row in self._camera)
        return u * self._width(v) + self._chin(v), v

    def patch(self, x: float | Column, y: Column, reach_x: float, reach_y: float, lift: float | Column = 0.0) -> Patch:
        """The pixels within reach of a point of the face, in its own axes."""
        u, v = self.locate(x, y, lift)
        if np.any(lift):  # off the skin: measured in the image, foreshortened by the yaw
            area = self.area(u, v, reach_x, reach_y)
            return area._replace(dx=area.dx / np.cos(self.photo.yaw))
        return self._window(u, v, reach_x, reach_y, self.xy, x, y)

    def area(self, u: Column, v: Column, reach_u: float, reach_v: float) -> Patch:
        """The pixels within reach of a point of the upright plane, which does not turn with the head."""
        return self._window(u, v, reach_u, reach_v, self.uv, u, v)

    def _window(
        self, u: Column, v: Column, reach_u: float, reach_v: float, axes: Planes, x: float | Column, y: Column
    ) -> Patch:
        """The pixels around (u, v) of the upright plane, with their place on `axes` relative to (x, y)."""
        size, photo, (c, s) = self.size, self.photo, self._roll
        height, width = self._pixels(reach_v + MAX_TILT * reach_u), self._pixels(reach_u + MAX_TILT * reach_v)
        column = (c * u - s * v) / self.pixel + (photo.shift_x * size + size - width) / 2
        row = (s * u + c * v) / self.pixel + (photo.shift_y * size + size - height) / 2
        rows = np.clip(row.ravel(), 0, size - height).astype(int).tolist()
        columns = np.clip(column.ravel(), 0, size - width).astype(int).tolist()
        patch = Patch((height, width), list(zip(rows, columns, strict=True)), axes[0], axes[1])
        dx, dy = patch.cut(axes)
        dx -= x
        dy -= y
        return patch._replace(dx=dx, dy=dy)

    def _pixels(self, reach: float) -> int:
        """A window's side that suits any photo: if it depended on those at hand, so would the pixels."""
        return min(int(MAX_ZOOM * reach * self.size) + 3, self.size)

    def each(self, chosen: Column) -> Iterator["Scene"]:
        """The scenes of single photos, for what few have: they share this scene's canvas."""
        for k in np.flatnonzero(chosen).tolist():
            scene = copy(self)
            for name, value in vars(self).items():
                setattr(scene, name, _pick(value, k))
            yield scene


def _pick(value: Any, k: int) -> Any:
    """Photo k of columns or planes, alone or in tuples."""
    if isinstance(value, np.ndarray):
        return value[..., k : k + 1, :, :]
    if isinstance(value, tuple):
        picked = (_pick(part, k) for part in value)
        return type(value)(*picked) if hasattr(value, "_fields") else tuple(picked)
    return value


Layer = Callable[[Scene], None]


def _dot(a: Sequence[Column], b: Sequence[Column]) -> Column:
    total: Column = a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
    return total


@lru_cache
def _pixel_centres(size: int) -> tuple[Plane, Plane]:
    """Columns (1, size) and rows (size, 1), from -1 to 1."""
    centres = ((np.arange(size) + 0.5) * (2 / size) - 1).astype(np.float32)
    return centres[None, :], centres[:, None]


def _camera(photo: Photo) -> tuple[tuple[Column, Column, Column], ...]:
    """The camera's axes (x right, y down, z to the viewer) seen from the head; it turns right and nods down."""
    c, s, d, t = np.cos(photo.yaw), np.sin(photo.yaw), np.cos(photo.pitch), np.sin(photo.pitch)
    return (c, np.zeros_like(c), s), (-t * s, d, t * c), (-d * s, -t, d * c)


def _light(photo: Photo) -> Light:
    side, height = photo.light_side, photo.light_height
    colour = tint(photo.light_warmth)
    return Light(
        x=np.sin(side) * np.cos(height),
        y=-np.sin(height),
        z=np.cos(side) * np.cos(height),
        key=colour * photo.light_strength,
        ambient=(2 - colour) * photo.ambient,  # the sky is cool where the sun is warm
    )


def _hair_colour(person: Person) -> Colour:
    """Dark skin rarely comes with light hair."""
    colour = along(HAIR, person.hair_light * (1 - 0.75 * person.skin_tone))
    colour = mix(colour, HAIR_RED, 0.6 * np.maximum(person.hair_red - 0.3, 0) * (1 - person.skin_tone))
    return mix(colour, HAIR_GREY, np.maximum(person.grey, 0))
