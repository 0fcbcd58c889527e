"""Copies look the same, other photos do not, and what is too small is not compared."""

import io
from functools import cache

import numpy as np
import pytest
from PIL import Image

from leakdrill.data.duplicates import MAX_DIFFERENT, difference_hash, hashes_of, look_alike, plain_name
from leakdrill.datasets.synthfaces import SynthFaces


@cache
def photos() -> list[bytes]:
    return list(SynthFaces(classes=4, per_class=4).open().encoded(range(16)))


def copied(file: bytes, size: int, quality: int) -> bytes:
    copy = io.BytesIO()
    Image.open(io.BytesIO(file)).convert("RGB").resize((size, size)).save(copy, "JPEG", quality=quality)
    return copy.getvalue()


@pytest.mark.parametrize(("size", "quality"), [(64, 60), (48, 85), (160, 90)])
def test_a_copy_that_was_scaled_and_saved_anew_looks_the_same_and_another_photo_does_not(
    size: int, quality: int
) -> None:
    hashes = hashes_of(photos())
    copies = hashes_of([copied(file, size, quality) for file in photos()[:3]])
    assert hashes is not None
    assert copies is not None
    assert look_alike(copies, hashes).all()
    assert look_alike(hashes, copies).tolist() == [True] * 3 + [False] * 13


def test_so_many_signs_may_differ_and_no_more() -> None:
    one = difference_hash(photos()[0])
    assert one is not None
    signs = np.unpackbits(one.view(np.uint8))
    for num, alike in ((MAX_DIFFERENT, True), (MAX_DIFFERENT + 1, False)):
        other = signs.copy()
        other[:num] ^= 1
        assert look_alike(np.packbits(other).view(np.uint64)[None], one[None]).tolist() == [alike]


def test_images_that_are_too_small_are_not_compared() -> None:
    assert hashes_of([photos()[0], copied(photos()[1], 15, 90)]) is None


def test_plain_dark_and_shaded_images_are_no_copies_of_one_another() -> None:
    white, black = (Image.new("RGB", (64, 64), grey) for grey in ("white", "black"))
    shaded = Image.linear_gradient("L").rotate(90)  # brighter all the way: every sign is set
    dim = Image.open(io.BytesIO(photos()[0])).convert("RGB").point(lambda level: level // 100)
    plain = hashes_of([_png(image) for image in (white, black, shaded, shaded.resize((80, 80)), dim)])
    assert plain is not None
    assert look_alike(plain, plain).tolist() == [False] * 5


def test_an_image_that_breaks_off_looks_like_none_and_stops_no_comparison() -> None:
    hashes = hashes_of([photos()[0], photos()[1][:600]])
    assert hashes is not None
    assert look_alike(hashes, hashes).tolist() == [True, False]


def _png(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def test_nothing_looks_like_nothing() -> None:
    none = hashes_of([])
    some = hashes_of(photos()[:2])
    assert none is not None
    assert some is not None
    assert look_alike(none, some).tolist() == []
    assert look_alike(some, none).tolist() == [False, False]


def test_a_name_is_the_same_however_it_is_written() -> None:
    assert plain_name("Ann_Lee") == plain_name("ann lee") == plain_name("ANN-LEE")
    assert plain_name("Ann_Lee") != plain_name("Ann_Leed")
