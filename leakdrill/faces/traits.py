"""Who is photographed and how: a person's lasting traits, and one photo's passing ones, each with its distribution.

A trait is a field whose annotation carries its distribution. Lengths are in head units: the head is 2 high, its centre
is (0, 0), x points right, y down. Faces are drawn n at a time, so every field is a column (n, 1, 1).
"""

from collections.abc import Iterable
from typing import Annotated, NamedTuple, TypeVar, get_type_hints

import numpy as np
from numpy.typing import NDArray

from leakdrill.faces.chance import Chance, Choice, Column, Dice, Distribution, Normal, Uniform, offset

FEMALE, MALE = 0, 1
TAIL = 2.3  # standard deviations at which normal traits are cut: no monsters
MAX_BLUR = 0.7  # standard deviation in pixels of a 64-pixel image

HAIRSTYLES = Choice(
    {
        "bald": (0.0, 0.08),
        "receding": (0.0, 0.10),
        "buzz": (0.01, 0.14),
        "crop": (0.05, 0.26),
        "quiff": (0.02, 0.16),
        "side_part": (0.03, 0.14),
        "curly": (0.10, 0.08),
        "afro": (0.05, 0.03),
        "tied": (0.16, 0.01),
        "bob": (0.18, 0.02),
        "fringe": (0.13, 0.01),
        "long": (0.27, 0.03),
    }
)
BEARDS = Choice(
    {"none": (1.0, 0.48), "stubble": (0.0, 0.18), "moustache": (0.0, 0.07), "goatee": (0.0, 0.08), "full": (0.0, 0.15)}
)
BACKDROPS = Choice(
    {"studio": (3, 3), "room": (3, 3), "street": (2, 2), "foliage": (2, 2), "sky": (1, 1), "night": (1, 1)}
)
COLLARS = Choice({"round": (3, 3), "deep": (3, 1), "shirt": (1, 3)})


class Person(NamedTuple):
    """What stays the same across all photos of one identity."""

    # skin
    skin_tone: Annotated[Column, Uniform(0.0, 1.0)]  # along the palette's skin ramp
    skin_warmth: Annotated[Column, offset(0.05)]  # red against blue
    freckles: Annotated[Column, Uniform(-2.0, 1.0)]  # none below 0
    mole_x: Annotated[Column, Uniform(-0.5, 0.5)]
    mole_y: Annotated[Column, Uniform(-0.1, 0.9)]
    has_mole: Annotated[Column, Chance(0.3, 0.25)]
    age: Annotated[Column, Uniform(0.0, 1.0)]  # depth of folds
    # head
    face_width: Annotated[Column, Normal(0.675, 0.71, 0.03)]  # half, at the cheekbones
    jaw: Annotated[Column, Normal(-0.01, 0.12, 0.05)]  # how far the jaw stands out of an ellipse
    cheeks: Annotated[Column, Normal(0.055, 0.04, 0.02)]
    ear_size: Annotated[Column, Normal(0.17, 0.20, 0.025)]
    neck_width: Annotated[Column, Normal(0.43, 0.55, 0.03)]
    # hair
    hairstyle: Annotated[Column, HAIRSTYLES]
    hair_light: Annotated[Column, Uniform(0.0, 1.0)]  # along the palette's hair ramp
    hair_red: Annotated[Column, offset(0.5)]
    grey: Annotated[Column, Uniform(-3.0, 1.0)]  # none below 0
    hairline: Annotated[Column, Normal(-0.60, -0.62, 0.05)]
    hair_volume: Annotated[Column, Normal(1.0, 1.0, 0.2)]  # factor
    hair_length: Annotated[Column, Normal(1.0, 1.0, 0.15)]  # factor
    parting: Annotated[Column, Uniform(-1.0, 1.0)]
    hair_phase: Annotated[Column, Uniform(0.0, 50.0)]  # of the strands
    # brows
    brow_height: Annotated[Column, Normal(0.205, 0.175, 0.022)]  # above the eye
    brow_thickness: Annotated[Column, Normal(0.030, 0.046, 0.009)]
    brow_arch: Annotated[Column, Normal(0.055, 0.03, 0.018)]
    brow_tilt: Annotated[Column, Normal(0.04, 0.0, 0.05)]
    # eyes
    eye_spacing: Annotated[Column, Normal(0.315, 0.32, 0.018)]  # from the middle
    eye_height: Annotated[Column, Normal(-0.03, -0.04, 0.025)]
    eye_width: Annotated[Column, Normal(0.158, 0.146, 0.011)]  # half
    eye_open: Annotated[Column, Normal(0.072, 0.058, 0.010)]  # half
    eye_tilt: Annotated[Column, offset(0.09)]
    iris: Annotated[Column, Uniform(0.0, 1.0)]  # along the palette's iris ramp
    lashes: Annotated[Column, Normal(0.85, 0.4, 0.12)]
    # nose
    nose_length: Annotated[Column, Normal(0.41, 0.44, 0.03)]  # below the eyes
    nose_width: Annotated[Column, Normal(0.125, 0.15, 0.018)]  # half
    nose_height: Annotated[Column, Normal(0.085, 0.11, 0.018)]  # out of the face
    # mouth
    mouth_height: Annotated[Column, Normal(0.60, 0.62, 0.02)]
    mouth_width: Annotated[Column, Normal(0.235, 0.255, 0.022)]  # half
    lip_upper: Annotated[Column, Normal(0.055, 0.040, 0.010)]
    lip_lower: Annotated[Column, Normal(0.082, 0.064, 0.012)]
    lip_red: Annotated[Column, Normal(0.62, 0.28, 0.15)]
    # beard and glasses
    beard: Annotated[Column, BEARDS]
    beard_density: Annotated[Column, Uniform(0.75, 1.0)]
    glasses: Annotated[Column, Chance(0.18, 0.22)]
    frame_thickness: Annotated[Column, Uniform(0.018, 0.04)]
    frame_roundness: Annotated[Column, Uniform(1.0, 2.2)]  # 1 = ellipse, more = rectangle
    frame_tint: Annotated[Column, Uniform(0.0, 1.0)]  # black to brown to metal


class Photo(NamedTuple):
    """What differs from one photo of an identity to the next."""

    # camera and pose; radians, head units, factors
    yaw: Annotated[Column, offset(0.26)]
    pitch: Annotated[Column, offset(0.13)]
    roll: Annotated[Column, offset(0.10)]
    zoom: Annotated[Column, Normal(0.72, 0.72, 0.05)]  # half the head's height over half the image's
    shift_x: Annotated[Column, offset(0.07)]
    shift_y: Annotated[Column, Normal(0.04, 0.04, 0.06)]
    # expression
    smile: Annotated[Column, Normal(0.45, 0.45, 0.4)]
    mouth_open: Annotated[Column, Normal(0.0, 0.0, 0.5)]  # closed below 0
    brow_raise: Annotated[Column, offset(0.018)]
    frown: Annotated[Column, offset(0.06)]
    eyelids: Annotated[Column, Normal(1.0, 1.0, 0.16)]  # factor
    blinking: Annotated[Column, Chance(0.03, 0.03)]
    gaze_x: Annotated[Column, offset(0.14)]  # in eye half-widths
    gaze_y: Annotated[Column, offset(0.012)]
    # hair on the day
    tousle: Annotated[Column, offset(0.04)]
    hair_lift: Annotated[Column, Normal(1.0, 1.0, 0.1)]  # factor
    # light
    light_side: Annotated[Column, offset(0.7)]  # radians from the front
    light_height: Annotated[Column, Normal(0.5, 0.5, 0.3)]
    light_strength: Annotated[Column, Uniform(0.45, 1.15)]
    light_warmth: Annotated[Column, offset(0.10)]
    ambient: Annotated[Column, Uniform(0.2, 0.55)]
    exposure: Annotated[Column, Normal(1.12, 1.12, 0.18)]
    saturation: Annotated[Column, Normal(1.0, 1.0, 0.15)]
    monochrome: Annotated[Column, Chance(0.02, 0.02)]
    # surroundings
    backdrop: Annotated[Column, BACKDROPS]
    collar: Annotated[Column, COLLARS]
    cloth_bright: Annotated[Column, Uniform(0.0, 1.0)]
    cloth_red: Annotated[Column, Uniform(0.5, 1.0)]
    cloth_green: Annotated[Column, Uniform(0.5, 1.0)]
    cloth_blue: Annotated[Column, Uniform(0.5, 1.0)]
    # what hides the face
    wears_glasses: Annotated[Column, Chance(0.85, 0.85)]  # if the person has any
    sunglasses: Annotated[Column, Chance(0.05, 0.05)]
    cap: Annotated[Column, Chance(0.03, 0.07)]
    scarf: Annotated[Column, Chance(0.04, 0.03)]
    hand: Annotated[Column, Chance(0.06, 0.06)]
    hand_side: Annotated[Column, Uniform(-1.0, 1.0)]
    wear_red: Annotated[Column, Uniform(0.1, 0.8)]  # of a cap or scarf
    wear_green: Annotated[Column, Uniform(0.1, 0.8)]
    wear_blue: Annotated[Column, Uniform(0.1, 0.8)]
    scarf_height: Annotated[Column, Uniform(0.45, 0.95)]
    # sensor; pixels of a 64-pixel image, and 8-bit levels
    blur: Annotated[Column, Uniform(0.0, MAX_BLUR)]
    noise: Annotated[Column, Uniform(0.5, 6.0)]


Traits = TypeVar("Traits", Person, Photo)


#: Of each kind's traits, in their order.
DISTRIBUTIONS: dict[type[Person] | type[Photo], list[Distribution]] = {
    kind: [hint.__metadata__[0] for hint in get_type_hints(kind, include_extras=True).values()]
    for kind in (Person, Photo)
}

Throws = tuple[NDArray[np.float64], NDArray[np.float64]]  # uniform and standard normal, one of each for every trait


def throw(kind: type[Traits], rng: np.random.Generator) -> Throws:
    """One person's (or photo's) luck."""
    count = len(kind._fields)
    return rng.random(count), rng.standard_normal(count)


def draw(kind: type[Traits], throws: Iterable[Throws], genders: Iterable[int]) -> Traits:
    """Every trait of `kind` for n people, each by that one's own throws."""
    uniform, normal = np.array(list(throws), dtype=np.float32).transpose(1, 2, 0)
    normal, male = np.clip(normal, -TAIL, TAIL), np.array(list(genders), dtype=np.float32)
    traits = zip(DISTRIBUTIONS[kind], uniform, normal, strict=True)
    return kind._make([distribution.draw(Dice(u, z, male))[:, None, None] for distribution, u, z in traits])
