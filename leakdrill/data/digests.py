"""What examples are, in a few bytes: two of one digest are the same, wherever they came from."""

import hashlib
import struct

import numpy as np
from numpy.typing import NDArray

from leakdrill.data.examples import Examples
from leakdrill.data.forms import Form


def digests_of(examples: Examples) -> NDArray[np.str_]:
    """(N,) SHA-256, in hex, of each example's shape, content and label."""
    inputs = examples.inputs
    kind = f"{inputs.dtype.str}{inputs.shape[1:]}".encode()
    return np.array(
        [
            hashlib.sha256(b"%s %d " % (kind, label) + row.tobytes()).hexdigest()
            for row, label in zip(inputs, examples.labels.tolist(), strict=True)
        ],
        dtype=np.str_,
    ).reshape(len(examples))


def digest_of(examples: Examples) -> str:
    """SHA-256, in hex, of all of them in their order."""
    return hashlib.sha256("".join(digests_of(examples)).encode()).hexdigest()


class SplitDigest:
    """SHA-256 of all that a dealt split is: its form, and every label and example in order."""

    def __init__(self, form: Form) -> None:
        self._sha256 = hashlib.sha256(str(form).encode())

    def add(self, file: bytes, label: int) -> None:
        self._sha256.update(struct.pack("<QQ", label, len(file)))
        self._sha256.update(file)

    def hexdigest(self) -> str:
        return self._sha256.hexdigest()
