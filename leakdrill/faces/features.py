"""The face itself: skin, beard, mouth, eyes, brows and nose, painted flat in head coordinates, then lit as a relief."""

from typing import Generic, NamedTuple

import numpy as np

from leakdrill.faces.brush import Patch, Plane, Planes, bell, blend, inside, length
from leakdrill.faces.chance import Number
from leakdrill.faces.palette import (
    BLUSH,
    DARK,
    EYE_SHADOW,
    FRECKLE,
    IRIS,
    LIP_RED,
    MOUTH,
    SCLERA,
    TEETH,
    WHITE,
    along,
    mix,
)
from leakdrill.faces.relief import illumination
from leakdrill.faces.scene import Scene
from leakdrill.faces.traits import BEARDS


class Beard(NamedTuple, Generic[Number]):
    """Density of each part, [0, 1]."""

    cheeks: Number
    lip: Number
    chin: Number


BEARD_LOOKS = {
    "none": Beard(0.0, 0.0, 0.0),
    "stubble": Beard(0.22, 0.26, 0.25),
    "moustache": Beard(0.06, 0.95, 0.06),
    "goatee": Beard(0.10, 0.85, 0.95),
    "full": Beard(0.90, 0.80, 0.95),
}


class Skin(NamedTuple):
    """What the parts of the face paint on, before it is lit."""

    colour: Planes
    shade: Plane  # share of the light that arrives: creases and hollows are darker

    def darken(self, patch: Patch, amount: Plane) -> None:
        for view, share in zip(patch.views(self.shade), 1 - amount, strict=True):
            view *= share


def face(scene: Scene) -> None:
    """Paint the face's own colours, light its relief, and put it on the canvas."""
    skin = Skin(np.empty_like(scene.canvas), np.ones_like(scene.depth))
    skin.colour[:] = scene.skin_colour
    for part in (complexion, folds, beard, mouth, eyes, brows, nose):
        part(scene, skin)
    lit = illumination(scene)
    lit *= skin.shade
    lit *= skin.colour
    blend(scene.canvas, inside((scene.rim - 1) * scene.person.face_width, 1.3 * scene.pixel), lit)


def complexion(scene: Scene, skin: Skin) -> None:
    """Blush, freckles and a mole."""
    person = scene.person
    cheeks = scene.patch(0, np.full_like(person.age, 0.31), 0.6, 0.25)
    x, y, target = np.abs(cheeks.dx), cheeks.dy, cheeks.cut(skin.colour)
    blend(target, 0.4 * bell(x - 0.38, y, 0.17, 0.15), mix(scene.skin_colour, BLUSH, 0.35))
    dots = np.sin(37 * cheeks.dx + person.hair_phase) * np.sin(33 * y + 11 * cheeks.dx) - 0.3
    spots = np.maximum(dots, 0) * bell(x, y + 0.11, 0.4, 0.15)
    blend(target, 0.6 * np.maximum(person.freckles, 0) * spots, mix(scene.skin_colour, FRECKLE, 0.7))
    cheeks.paste(skin.colour, target)

    mole = scene.patch(person.mole_x, person.mole_y, 0.06, 0.06)
    target = mole.cut(skin.colour)
    blend(target, 0.8 * person.has_mole * inside(length(mole.dx, mole.dy) - 0.028, scene.pixel), FRECKLE * 0.4)
    mole.paste(skin.colour, target)


def folds(scene: Scene, skin: Skin) -> None:
    """The lines from the nose to the corners of the mouth, deepened by age and smiling."""
    person, smile = scene.person, np.maximum(scene.photo.smile, 0)
    middle = (person.eye_height + person.nose_length + person.mouth_height) / 2
    patch = scene.patch(0, middle, 0.42, 0.2)
    down = patch.dy * (1 / 0.2)
    away = np.abs(np.abs(patch.dx) - (0.27 + 0.02 * smile) - 0.05 * down)
    depth = np.minimum(0.06 + 0.13 * person.age + 0.11 * smile, 0.35)
    skin.darken(patch, inside(away, 0.07) * np.maximum(depth - depth * down * down, 0))


def beard(scene: Scene, skin: Skin) -> None:
    """Over the lower face, with a soft edge; density is how much skin it hides."""
    person, lip = scene.person, scene.person.mouth_height
    if not person.beard.any():
        return
    style = Beard(*BEARDS.look_up(person.beard, BEARD_LOOKS))
    x, y = scene.x, scene.y
    cheeks = inside(lip + 0.10 - 0.62 * np.square(x / person.face_width) - y, 0.25)
    chin = inside(np.square(x * (1 / 0.30)) + np.square((y - lip - 0.22) * (1 / 0.26)) - 1, 0.9)
    above = (y - lip + 0.115 + 0.12 * x * x) * (1 / 0.055)
    moustache = inside(np.abs(x) - person.mouth_width * 1.15, 0.12) * np.exp(-above * above)
    cover = np.maximum(np.maximum(style.cheeks * cheeks, style.chin * chin), style.lip * moustache)
    cover *= person.beard_density * (0.85 + 0.15 * np.sin(47 * x + 3 * np.sin(31 * y) + person.hair_phase))
    blend(skin.colour, cover, scene.hair_colour * 0.9)


def mouth(scene: Scene, skin: Skin) -> None:
    """Lips with Cupid's bow, the shadow below them, and teeth if the mouth is open."""
    person, smile = scene.person, scene.photo.smile
    gap_height = 0.11 * np.maximum(scene.photo.mouth_open, 0)
    width = person.mouth_width * (1 + 0.14 * smile - 0.4 * gap_height)
    patch = scene.patch(0, person.mouth_height + 0.05, 0.38, 0.2, lift=0.03)
    across = patch.dx / width
    squared = across * across
    arch = np.maximum(1 - squared, 0)
    root = np.sqrt(arch)
    y = patch.dy + (0.05 - 0.025 * smile) + (0.075 * smile) * squared
    gap = gap_height * root
    top = root * ((0.3 * person.lip_upper) * np.exp(squared * -25) - person.lip_upper)
    bottom = gap + person.lip_lower * root
    lips = mix(scene.skin_colour * 0.8, LIP_RED, person.lip_red)
    below = y - (gap_height + person.lip_lower)
    soft = 1.3 * scene.pixel
    skin.darken(patch, 0.2 * bell(patch.dx, below - 0.06, 0.14, 0.05))
    target = patch.cut(skin.colour)
    blend(target, inside(np.maximum(top - y, y - bottom), soft), lips)
    blend(target, 0.5 * inside(np.maximum(top - y, y), soft), lips * 0.6)
    blend(target, 0.25 * bell(patch.dx, below + 0.5 * person.lip_lower, 0.1, 0.025), WHITE)
    blend(target, inside(np.maximum(-0.012 - y, y - gap), soft) * (arch > 0), MOUTH)
    teeth = np.maximum(np.maximum(-y, y - 0.6 * gap), (np.abs(across) - 0.85) * width)
    blend(target, inside(teeth, soft) * (gap_height > 0), TEETH)
    patch.paste(skin.colour, target)


def eyes(scene: Scene, skin: Skin) -> None:
    """Hollows, eyeballs with iris, pupil and highlight, lids and lashes; both eyes at once, mirrored."""
    person, photo, pixel = scene.person, scene.photo, scene.pixel
    patch = scene.patch(0, person.eye_height, 0.57, 0.18)
    target, outwards = patch.cut(skin.colour), np.abs(patch.dx) - person.eye_spacing
    across = outwards / person.eye_width  # -1 at the inner corner, 1 at the outer one
    arch = np.maximum(1 - across * across, 0)
    y = patch.dy + (person.eye_tilt * person.eye_width) * across
    lids = photo.eyelids * (1 - 0.2 * np.maximum(photo.smile, 0))
    opening = person.eye_open * np.where(photo.blinking, 0.12, lids)
    upper, lower = (-1.2 * opening) * arch, (0.75 * opening) * arch
    within = np.abs(across)

    blend(target, 0.3 * bell(outwards + 0.04, patch.dy, 0.19, 0.11), mix(scene.skin_colour, EYE_SHADOW, 0.6) * 0.6)
    crease = inside(np.abs(y - 1.3 * upper + 0.045), 1.8 * pixel)
    skin.darken(patch, 0.28 * crease * inside(within - 1, 0.3))

    ball = SCLERA * np.clip(0.6 + 3.0 * (y - upper), 0.3, 0.9)
    right = np.sign(patch.dx)
    iris_x, iris_y = outwards - right * (photo.gaze_x * person.eye_width), patch.dy + (0.008 - photo.gaze_y)
    radius, from_iris = 0.47 * person.eye_width, length(iris_x, iris_y)
    iris = along(IRIS, person.iris * (1 - 0.8 * person.skin_tone))
    blend(ball, inside(from_iris - radius, pixel), iris * (1.3 - from_iris * (0.8 / radius)))
    blend(ball, inside(from_iris - 0.42 * radius, pixel), DARK)
    spot_x, spot_y = iris_x - right * (0.012 + 0.035 * scene.light.x), iris_y + 0.03
    blend(ball, inside(length(spot_x, spot_y) - 0.017, pixel), WHITE * 1.6)
    blend(target, inside(np.maximum(upper - y, y - lower), 1.1 * pixel) * (arch > 0), ball)

    lashes = inside(np.abs(y - upper) - (0.012 + 0.010 * person.lashes), pixel) * inside(within - 1.02, 0.15)
    blend(target, np.minimum(0.55 + 0.4 * person.lashes, 1) * lashes, DARK)
    patch.paste(skin.colour, target)


def brows(scene: Scene, skin: Skin) -> None:
    person, photo = scene.person, scene.photo
    patch = scene.patch(0, person.eye_height - person.brow_height - photo.brow_raise, 0.58, 0.16)
    across = (np.abs(patch.dx) - person.eye_spacing * 1.02) * (1 / 0.20)
    line = person.brow_arch * (np.square(across - 0.25) - 1) - ((person.brow_tilt + photo.frown) * 0.2) * across
    thickness = np.clip(0.9 - 0.45 * across, 0.2, 1.1) * person.brow_thickness
    brow = inside(np.abs(patch.dy - line) - thickness, 1.4 * scene.pixel) * inside(np.abs(across) - 1, 0.3)
    target = patch.cut(skin.colour)
    blend(target, 0.85 * brow, mix(scene.hair_colour, DARK, 0.35))
    patch.paste(skin.colour, target)


def nose(scene: Scene, skin: Skin) -> None:
    """The shadow below the nose, the creases beside its wings, and the nostrils; its shape is in the relief."""
    person = scene.person
    width = person.nose_width
    patch = scene.patch(0, person.eye_height + person.nose_length, 0.3, 0.14, lift=0.7 * person.nose_height)
    x, y = np.abs(patch.dx), patch.dy
    crease = np.abs(length((x - 0.62 * width) * (1 / 0.42), (y + 0.02) * (1 / 0.62)) - width)
    crease = inside(crease, 0.09) * inside(0.75 * width - x, 0.04) * inside(np.abs(y) - 0.06, 0.06)
    nostril = inside(length(x - 0.48 * width, 1.7 * (y - 0.022)) - 0.3 * width, 0.05)
    shadow = 0.3 * bell(x, y - 0.055, 0.75 * width, 0.035)
    skin.darken(patch, 1 - (1 - 0.66 * nostril) * (1 - shadow - 0.24 * crease))
