"""What is worn on the face or held before it: glasses, sunglasses, a cap, a scarf, a hand.

Few photos have any, so each layer draws only those that do, one at a time.
"""

import numpy as np

from leakdrill.faces.brush import Plane, blend, inside, length
from leakdrill.faces.palette import DARK, FRAMES, LENS, WHITE, along, columns, mix
from leakdrill.faces.scene import Scene

LIFT = 0.12  # of spectacles above the skin
FINGERS = (
    (-0.21, 0.30, 0.075),
    (-0.07, 0.42, 0.08),
    (0.07, 0.44, 0.08),
    (0.21, 0.36, 0.075),
)  # place, length, half width


def glasses(scene: Scene) -> None:
    """Frames with a glint on the lenses, or dark lenses."""
    person, photo = scene.person, scene.photo
    for single in scene.each(np.maximum(photo.sunglasses, person.glasses * photo.wears_glasses)):
        _glasses(single)


def cap(scene: Scene) -> None:
    """A cap over the hair, its brim, and the shadow of that on the brow."""
    for single in scene.each(scene.photo.cap):
        _cap(single)


def scarf(scene: Scene) -> None:
    """Pulled up over the chin, sometimes the mouth."""
    for single in scene.each(scene.photo.scarf):
        _scarf(single)


def hand(scene: Scene) -> None:
    """A hand at the cheek or chin: four fingers and a palm, in the person's own skin."""
    for single in scene.each(scene.photo.hand):
        _hand(single)


def _glasses(scene: Scene) -> None:
    person, photo = scene.person, scene.photo
    dark = photo.sunglasses
    patch = scene.patch(0, person.eye_height + 0.02, 0.85, 0.26, lift=LIFT)
    x, y = np.abs(patch.dx), patch.dy
    lens_x, power = x - person.eye_spacing, 2 * person.frame_roundness
    oval = np.abs(lens_x * (1 / 0.235)) ** power + np.abs(y * (1 / 0.185)) ** power
    distance = (oval ** (1 / power) - 1) * 0.2
    target = patch.cut(scene.canvas)
    gradient = 0.4 + 1.6 * np.clip(0.5 - y * 3, 0, 1)
    blend(target, 0.96 * dark * inside(distance, 1.2 * scene.pixel), LENS * gradient)
    streak = inside(np.abs(patch.dx + 0.7 * y + 0.12 * scene.light.x - 0.25) - 0.035, 0.05) * inside(distance, 0.03)
    blend(target, 0.16 * streak * (1 - dark), WHITE)

    thickness = person.frame_thickness
    bridge = np.maximum(np.abs(y + 0.05 + 0.35 * x * x) - thickness * 0.8, x - person.eye_spacing + 0.2)
    temples = np.maximum(np.abs(y + 0.06) - thickness, np.maximum(0.5 - x, patch.cut(scene.rim) - 0.97))
    frame = np.minimum(np.minimum(np.abs(distance) - thickness, bridge), temples)
    colour = mix(along(FRAMES, person.frame_tint), DARK, dark) * np.clip(photo.light_strength, 0.4, 1)
    blend(target, inside(frame, 1.2 * scene.pixel), colour)
    patch.paste(scene.canvas, target)


def _cap(scene: Scene) -> None:
    photo, person = scene.photo, scene.person
    cloth = columns(photo.wear_red, photo.wear_green, photo.wear_blue)
    edge = scene.y + 0.42 - 0.15 * scene.x * scene.x
    x, y = scene.u / (person.face_width + 0.10), np.minimum(scene.v + 0.2, 0) * (1 / 0.98)
    xx, yy = x * x, y * y
    radius = xx + yy - 0.3 * np.minimum(xx * yy, 1)
    lit = scene.light.on(x, y, np.sqrt(np.maximum(1 - radius, 0.05)))
    dome = np.maximum((np.sqrt(radius) - 1) * 0.8, edge)
    scene.canvas *= 1 - 0.55 * inside(edge - 0.14, 0.18) * inside(scene.rim - 1, 0.1)
    blend(scene.canvas, inside(dome, 1.3 * scene.pixel), cloth * lit * (0.9 + 0.1 * np.cos(9 * scene.x)))
    u, v = scene.locate(0.0, np.full_like(scene.pixel, -0.42), 0.35)
    x, y = (scene.u - u) * (1 / 0.74), (scene.v - v - 0.12 * xx) * (1 / 0.12)
    brim = (length(x, y) - 1) * 0.12
    blend(scene.canvas, inside(brim, 1.3 * scene.pixel), cloth * lit * (0.65 - 0.2 * np.clip(y, -1, 1)))


def _scarf(scene: Scene) -> None:
    photo, u, v, height = scene.photo, scene.u, scene.v, scene.photo.scarf_height
    edge = height + 0.10 * np.sin(4 * u + 20 * height) - 0.25 * u * u - v
    width = np.abs(u) - 0.62 - 0.35 * np.clip(v - 0.7, 0, 1)
    weave = 0.75 + 0.25 * np.sin(14 * (v + 0.3 * u * u) + 30 * height)
    across = np.clip(u, -0.9, 0.9)
    lit = scene.light.on(across, -0.1, np.sqrt(1 - across * across)) * weave
    cloth = columns(photo.wear_red, photo.wear_green, photo.wear_blue)
    blend(scene.canvas, inside(np.maximum(edge, width), 0.05), cloth * lit)


def _hand(scene: Scene) -> None:
    side = scene.photo.hand_side
    c, s = np.cos(0.9 * side), -np.sin(0.9 * side)
    u, v = scene.u - 0.55 * side, scene.v - (0.98 - 0.25 * np.abs(side))
    x, y = c * u + s * v, c * v - s * u
    distance, height = _capsule(x, y - 0.18, 0.0, 0.22), np.zeros_like(x)
    for place, finger_length, width in FINGERS:
        finger = _capsule(x - place, y + finger_length / 2, finger_length / 2, width)
        distance = np.minimum(distance, finger)
        height = np.maximum(height, np.clip(finger * (-1 / width), 0, 1))
    lit = scene.light.on(x * 0.5, -0.1, 0.8) * (0.62 + 0.42 * np.sqrt(height))
    scene.canvas *= 1 - 0.35 * inside(distance - 0.05, 0.12)
    blend(scene.canvas, inside(distance, 1.3 * scene.pixel), scene.skin_colour * 0.92 * lit)


def _capsule(x: Plane, y: Plane, half_length: float, radius: float) -> Plane:
    """Distance out of an upright capsule around the origin."""
    distance: Plane = length(x, np.maximum(np.abs(y) - half_length, 0)) - radius
    return distance
