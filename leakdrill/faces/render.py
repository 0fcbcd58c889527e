"""Photographs of identities, each from three numbers: the population's seed, the identity, the photo."""

from collections.abc import Iterator, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from leakdrill.faces import accessories, camera, features, hair, png, surroundings
from leakdrill.faces.scene import Layer, Scene
from leakdrill.faces.traits import FEMALE, MALE, Person, Photo, Throws, draw, throw

LAYERS: tuple[Layer, ...] = (  # in the order in which they cover each other
    surroundings.backdrop,
    hair.back_hair,
    surroundings.neck,
    surroundings.clothes,
    features.face,
    accessories.glasses,
    hair.hair,
    surroundings.ears,
    accessories.cap,
    accessories.scarf,
    accessories.hand,
)
BATCH_PIXELS = 16 * 64 * 64  # drawn together: fewer repeat NumPy's overhead, more leave the cache
_PAIR, _PERSON, _PHOTO = range(3)  # streams of random numbers, named so that none shifts another


def render(seed: int, photos: Sequence[tuple[int, int]], size: int = 64) -> NDArray[np.uint8]:
    """Photos (n, size, size, 3), each given as (identity, photo); no photo depends on the others of the call."""
    identities = [_identity(seed, identity) for identity, _ in photos]
    genders = [gender for gender, _ in identities]
    generators = [_stream(seed, _PHOTO, identity, photo) for identity, photo in photos]
    person = draw(Person, [luck for _, luck in identities], genders)
    photo = draw(Photo, [throw(Photo, rng) for rng in generators], genders)
    scene = Scene(person, photo, size, generators)
    for paint in LAYERS:
        paint(scene)
    return camera.expose(scene)


def encode(seed: int, photos: Sequence[tuple[int, int]], size: int = 64) -> Iterator[bytes]:
    """The same as PNG files, of any number of photos."""
    batch = max(BATCH_PIXELS // size**2, 1)
    for start in range(0, len(photos), batch):
        for image in render(seed, photos[start : start + batch], size):
            yield png.write(image)


@lru_cache(maxsize=1024)  # the next photo is mostly of the same person
def _identity(seed: int, identity: int) -> tuple[int, Throws]:
    return gender_of(seed, identity), throw(Person, _stream(seed, _PERSON, identity))


def gender_of(seed: int, identity: int) -> int:
    """1 = male, 0 = female. One of each pair of neighbours (0 and 1, 2 and 3, ...) is male: any number is balanced."""
    first_is_male = _stream(seed, _PAIR, identity // 2).random() < 0.5
    return MALE if first_is_male == (identity % 2 == 0) else FEMALE


def _stream(seed: int, *name: int) -> np.random.Generator:
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=name))
