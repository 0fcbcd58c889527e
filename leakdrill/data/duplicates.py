"""People by name and images by their looks: what two sets of images share, in whatever files and folders it is.

Images look the same whose signs of horizontal differences at 16 x 16 grey pixels (a "difference hash", of differences
beyond FLAT) differ in at most MAX_DIFFERENT of 256: a copy that was scaled or saved anew, not another photo of the same
person. Of images below 16 x 16 most look like some other (83 in 100 of scikit-learn's digits): they are not compared.
Plain, dark or shaded ones, nearly all of whose signs are the same, look like none: any two of them would be copies. (Of
1,500 photos of faces none is one, of as many of CIFAR-10's 14 in 1,000.)
"""

import hashlib
import re
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from leakdrill.data.forms import Form, ImageForm
from leakdrill.datasets.source import PILLOW_ERRORS, open_image

SIDE = 16  # pixels
MAX_DIFFERENT = 20  # of SIDE * SIDE signs; of 4,000 photos of 47 people no two people's had fewer than 24, six pairs 32
LEAST_SIGNS = 40  # of either kind, for an image to look like another; photos of faces have 41 to 162 set
FLAT = 3  # grey levels that compression makes of none
MAX_COMPARED = 20_000  # images of one side; the comparison is of all pairs
MAX_SOURCE = 100_000  # of a whole data set, which a few people's photos are compared with
_BLOCK = 16  # rows whose distances to 20,000 others stay in a core's cache
_MAX_KNOWN = 1 << 17

Hashes = NDArray[np.uint64]  # (N, 4)

_known: dict[
    bytes, Hashes | None
] = {}  # by the file's digest: a deal, its check and its verification ask for the same files


def plain_name(name: str) -> str:
    """Letters and digits alone, without regard to capitals: Ann_Lee and "ann lee" are one person."""
    return re.sub(r"[\W_]+", "", name.casefold())


def is_comparable(form: Form, num_images: int, most: int = MAX_COMPARED) -> bool:
    """Whether examples of this form, and so many of them, can be compared."""
    return isinstance(form, ImageForm) and min(form.shape[:2]) >= SIDE and num_images <= most


def difference_hash(file: bytes) -> Hashes | None:
    """256 signs as (4,) uint64; None for an image that is too small. Raises InvalidInput for a file that is none.

    Of an image that breaks off none is set, so that it looks like no other: whoever is dealt it refuses it, and a data
    set is compared as a whole, whether it is dealt or not.
    """
    digest = hashlib.sha256(file).digest()
    if digest not in _known:
        if len(_known) >= _MAX_KNOWN:
            _known.clear()
        _known[digest] = _signs(open_image(file))
    return _known[digest]


def _signs(image: Image.Image) -> Hashes | None:
    if min(image.size) < SIDE:
        return None
    try:
        grey = image.convert("L").resize((SIDE + 1, SIDE), Image.Resampling.BOX)
    except PILLOW_ERRORS:
        return np.zeros(SIDE * SIDE // 64, np.uint64)
    signs = np.diff(np.asarray(grey, np.int16), axis=1) > FLAT
    return np.packbits(signs.ravel()).view(np.uint64)


def hashes_of(files: Iterable[bytes]) -> Hashes | None:
    """(N, 4); None where one of them is too small to compare: the rest is not read."""
    found = []
    for file in files:
        if (one := difference_hash(file)) is None:
            return None
        found.append(one)
    return np.array(found, np.uint64).reshape(-1, SIDE * SIDE // 64)


def look_alike(some: Hashes, others: Hashes) -> NDArray[np.bool_]:
    """Whether each of `some` (N, 4) looks like one of `others` (M, 4)."""
    found, others = np.zeros(len(some), bool), others[_has_features(others)]
    telling = np.flatnonzero(_has_features(some))
    for start in range(0, len(telling), _BLOCK) if len(others) else ():
        rows = telling[start : start + _BLOCK]
        found[rows] = (_distances(some[rows], others) <= MAX_DIFFERENT).any(axis=1)
    return found


def _has_features(hashes: Hashes) -> NDArray[np.bool_]:
    num_set = np.bitwise_count(hashes).sum(axis=1)
    enough: NDArray[np.bool_] = (num_set >= LEAST_SIGNS) & (num_set <= SIDE * SIDE - LEAST_SIGNS)
    return enough


def _distances(some: Hashes, others: Hashes) -> NDArray[np.uint16]:
    """Signs (N, M) that differ."""
    differing = np.zeros((len(some), len(others)), np.uint16)
    for word in range(some.shape[1]):
        differing += np.bitwise_count(some[:, None, word] ^ others[None, :, word])
    return differing
