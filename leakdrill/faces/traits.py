"""Who is photographed and how: a person's lasting traits, and one photo's passing ones, each with its distribution.

A trait is a dataclass field whose annotation carries its distribution as a quantile function of one uniform draw, for
women and for men. Lengths are in head units: the head is 2 high, its centre is (0, 0), x points right, y down.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import lru_cache
from statistics import NormalDist
from typing import Annotated, Any, Protocol, TypeVar, get_type_hints

import numpy as np

FEMALE, MALE = 0, 1

_STANDARD_NORMAL = NormalDist()
_TAIL = 0.01  # normal draws are cut at the 1st and 99th percentile: no monsters


class Distribution(Protocol):
    def quantile(self, u: float, gender: int) -> Any:
        """The trait's value at `u` in [0, 1)."""


@dataclass(frozen=True)
class Normal:
    """Means for women and men, and the standard deviation of both."""

    female: float
    male: float
    sd: float

    def quantile(self, u: float, gender: int) -> float:
        z = _STANDARD_NORMAL.inv_cdf(min(max(u, _TAIL), 1 - _TAIL))
        return (self.male if gender == MALE else self.female) + self.sd * z


@dataclass(frozen=True)
class Uniform:
    low: float
    high: float

    def quantile(self, u: float, gender: int) -> float:
        return self.low + (self.high - self.low) * u


@dataclass(frozen=True)
class Chance:
    """True with these probabilities for women and men."""

    female: float
    male: float

    def quantile(self, u: float, gender: int) -> bool:
        return u < (self.male if gender == MALE else self.female)


@dataclass(frozen=True, eq=False)
class Choice:
    """A name, with weights (female, male) that need not sum to 1."""

    weights: Mapping[str, tuple[float, float]]

    def quantile(self, u: float, gender: int) -> str:
        remaining = u * sum(weight[gender] for weight in self.weights.values())
        for name, weight in self.weights.items():
            remaining -= weight[gender]
            if remaining < 0:
                return name
        return name


def _offset(sd: float) -> Normal:
    """A signed deviation from the neutral pose, the same for women and men."""
    return Normal(0.0, 0.0, sd)


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
    {"none": (1.0, 0.48), "stubble": (0.0, 0.22), "moustache": (0.0, 0.07), "goatee": (0.0, 0.08), "full": (0.0, 0.15)}
)


@dataclass(frozen=True)
class Person:
    """What stays the same across all photos of one identity."""

    gender: int
    # skin
    skin_tone: Annotated[float, Uniform(0.0, 1.0)]  # along the palette's skin ramp
    skin_warmth: Annotated[float, _offset(0.05)]  # red against blue
    freckles: Annotated[float, Uniform(-2.0, 1.0)]  # none below 0
    mole_x: Annotated[float, Uniform(-0.5, 0.5)]
    mole_y: Annotated[float, Uniform(-0.1, 0.9)]
    has_mole: Annotated[bool, Chance(0.3, 0.25)]
    age: Annotated[float, Uniform(0.0, 1.0)]  # depth of folds
    # head
    face_width: Annotated[float, Normal(0.72, 0.75, 0.035)]  # half, at the cheekbones
    jaw: Annotated[float, Normal(-0.03, 0.09, 0.055)]  # how far the jaw stands out of an ellipse
    cheeks: Annotated[float, Normal(0.055, 0.04, 0.02)]
    ear_size: Annotated[float, Normal(0.17, 0.20, 0.025)]
    neck_width: Annotated[float, Normal(0.38, 0.50, 0.03)]
    # hair
    hairstyle: Annotated[str, HAIRSTYLES]
    hair_light: Annotated[float, Uniform(0.0, 1.0)]  # along the palette's hair ramp
    hair_red: Annotated[float, _offset(0.5)]
    grey: Annotated[float, Uniform(-3.0, 1.0)]  # none below 0
    hairline: Annotated[float, Normal(-0.60, -0.62, 0.05)]
    hair_volume: Annotated[float, Normal(1.0, 1.0, 0.2)]  # factor
    hair_length: Annotated[float, Normal(1.0, 1.0, 0.15)]  # factor
    parting: Annotated[float, Uniform(-1.0, 1.0)]
    hair_phase: Annotated[float, Uniform(0.0, 50.0)]  # of the strands
    # brows
    brow_height: Annotated[float, Normal(0.205, 0.175, 0.022)]  # above the eye
    brow_thickness: Annotated[float, Normal(0.030, 0.046, 0.009)]
    brow_arch: Annotated[float, Normal(0.055, 0.03, 0.018)]
    brow_tilt: Annotated[float, Normal(0.04, 0.0, 0.05)]
    # eyes
    eye_spacing: Annotated[float, Normal(0.315, 0.32, 0.018)]  # from the middle
    eye_height: Annotated[float, Normal(-0.03, -0.04, 0.025)]
    eye_width: Annotated[float, Normal(0.158, 0.146, 0.011)]  # half
    eye_open: Annotated[float, Normal(0.072, 0.058, 0.010)]  # half
    eye_tilt: Annotated[float, _offset(0.09)]
    iris: Annotated[float, Uniform(0.0, 1.0)]  # along the palette's iris ramp
    lashes: Annotated[float, Normal(0.85, 0.4, 0.12)]
    # nose
    nose_length: Annotated[float, Normal(0.41, 0.44, 0.03)]  # below the eyes
    nose_width: Annotated[float, Normal(0.125, 0.15, 0.018)]  # half
    nose_height: Annotated[float, Normal(0.085, 0.11, 0.018)]  # out of the face
    # mouth
    mouth_height: Annotated[float, Normal(0.60, 0.62, 0.02)]
    mouth_width: Annotated[float, Normal(0.235, 0.255, 0.022)]  # half
    lip_upper: Annotated[float, Normal(0.055, 0.040, 0.010)]
    lip_lower: Annotated[float, Normal(0.082, 0.064, 0.012)]
    lip_red: Annotated[float, Normal(0.62, 0.28, 0.15)]
    # beard and glasses
    beard: Annotated[str, BEARDS]
    beard_density: Annotated[float, Uniform(0.75, 1.0)]
    glasses: Annotated[bool, Chance(0.18, 0.22)]
    frame_thickness: Annotated[float, Uniform(0.018, 0.04)]
    frame_roundness: Annotated[float, Uniform(1.0, 2.2)]  # 1 = ellipse, more = rectangle
    frame_tint: Annotated[float, Uniform(0.0, 1.0)]  # black to brown to metal


@dataclass(frozen=True)
class Photo:
    """What differs from one photo of an identity to the next."""

    # camera and pose; radians, head units, factors
    yaw: Annotated[float, _offset(0.30)]
    pitch: Annotated[float, _offset(0.13)]
    roll: Annotated[float, _offset(0.10)]
    zoom: Annotated[float, Normal(0.66, 0.66, 0.045)]  # half the head's height over half the image's
    shift_x: Annotated[float, _offset(0.07)]
    shift_y: Annotated[float, Normal(0.06, 0.06, 0.06)]
    # expression
    smile: Annotated[float, Normal(0.35, 0.35, 0.5)]
    mouth_open: Annotated[float, Normal(0.0, 0.0, 0.5)]  # closed below 0
    brow_raise: Annotated[float, _offset(0.018)]
    frown: Annotated[float, _offset(0.06)]
    eyelids: Annotated[float, Normal(1.0, 1.0, 0.16)]  # factor
    blinking: Annotated[bool, Chance(0.03, 0.03)]
    gaze_x: Annotated[float, _offset(0.25)]  # in eye half-widths
    gaze_y: Annotated[float, _offset(0.012)]
    # hair on the day
    tousle: Annotated[float, _offset(0.04)]
    hair_lift: Annotated[float, Normal(1.0, 1.0, 0.1)]  # factor
    # light
    light_side: Annotated[float, _offset(0.75)]  # radians from the front
    light_height: Annotated[float, Normal(0.5, 0.5, 0.3)]
    light_strength: Annotated[float, Uniform(0.35, 1.15)]
    light_warmth: Annotated[float, _offset(0.12)]
    ambient: Annotated[float, Uniform(0.15, 0.55)]
    exposure: Annotated[float, Normal(1.12, 1.12, 0.18)]
    saturation: Annotated[float, Normal(1.0, 1.0, 0.15)]
    monochrome: Annotated[bool, Chance(0.03, 0.03)]
    # surroundings
    backdrop: Annotated[
        str,
        Choice({"studio": (3, 3), "room": (3, 3), "street": (2, 2), "foliage": (2, 2), "sky": (1, 1), "night": (1, 1)}),
    ]
    collar: Annotated[str, Choice({"round": (3, 3), "deep": (3, 1), "shirt": (1, 3)})]
    # what hides the face
    wears_glasses: Annotated[bool, Chance(0.85, 0.85)]  # if the person has any
    sunglasses: Annotated[bool, Chance(0.05, 0.05)]
    cap: Annotated[bool, Chance(0.03, 0.07)]
    scarf: Annotated[bool, Chance(0.04, 0.03)]
    hand: Annotated[bool, Chance(0.06, 0.06)]
    hand_side: Annotated[float, Uniform(-1.0, 1.0)]
    # sensor; pixels of a 64-pixel image, and 8-bit levels
    blur: Annotated[float, Uniform(0.0, 0.75)]
    noise: Annotated[float, Uniform(1.0, 9.0)]


Traits = TypeVar("Traits", Person, Photo)


def draw(kind: type[Traits], rng: np.random.Generator, gender: int, **given: Any) -> Traits:
    """Draw every annotated trait of `kind`, one uniform each, in the order of the fields."""
    distributions = _distributions(kind)
    uniforms = rng.random(len(distributions)).tolist()
    drawn = {name: dist.quantile(u, gender) for (name, dist), u in zip(distributions.items(), uniforms, strict=True)}
    return kind(**drawn, **given)


@lru_cache
def _distributions(kind: type) -> dict[str, Distribution]:
    hints = get_type_hints(kind, include_extras=True)
    return {f.name: hints[f.name].__metadata__[0] for f in fields(kind) if hasattr(hints[f.name], "__metadata__")}
