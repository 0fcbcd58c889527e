"""Randomness that hangs on the example asked about: asking for the very same again gives the same draw.

So averaging over one image gains nothing; but an image with one grey level changed is another example, with a fresh
draw. A key is a hash of the image's bytes under the owner's secret, so that nobody else can tell the draw; numbers come
from the key by SplitMix64 (Steele, Lea and Flood 2014), which needs no state and so serves a whole batch at once.
"""

import hashlib

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from leakdrill.data.examples import Inputs
from leakdrill.defences.base import Keys

_GAMMA = np.uint64(0x9E3779B97F4A7C15)
_MULTIPLIERS = (np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))
_SHIFTS = (np.uint64(30), np.uint64(27))


def keys_of(inputs: Inputs, secret: int) -> Keys:
    """(N,) for images (N, H, W, 3) or rows (N, D). The one loop over examples here: hashing 3 kB takes a few
    microseconds."""
    if inputs.dtype.kind == "f":
        inputs = inputs + inputs.dtype.type(0)  # -0.0, which no model tells from 0.0, has other bytes
    key = secret.to_bytes(8, "big")
    digests = [hashlib.blake2b(image.tobytes(), digest_size=8, key=key).digest() for image in inputs]
    return np.frombuffer(b"".join(digests), np.uint64)


def uniforms(keys: Keys, stream: str, count: int) -> NDArray[np.float64]:
    """(N, count), each above 0 and below 1. Streams of different names are independent."""
    name = np.uint64(int.from_bytes(hashlib.blake2b(stream.encode(), digest_size=8).digest(), "big"))
    start = _mixed(keys ^ name)
    numbers = _mixed(start[:, np.newaxis] + np.arange(1, count + 1, dtype=np.uint64) * _GAMMA)
    return ((numbers >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53


def normals(keys: Keys, stream: str, count: int) -> NDArray[np.float64]:
    """(N, count) of the standard normal distribution."""
    drawn: NDArray[np.float64] = ndtri(uniforms(keys, stream, count))
    return drawn


def _mixed(numbers: Keys) -> Keys:
    """SplitMix64's finaliser; products wrap around."""
    for shift, multiplier in zip(_SHIFTS, _MULTIPLIERS, strict=True):
        numbers = (numbers ^ (numbers >> shift)) * multiplier
    return numbers ^ (numbers >> np.uint64(31))
