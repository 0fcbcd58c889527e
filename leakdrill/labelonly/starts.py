"""Images from which to start a search for the boundary: the adversary's own, of other classes."""

import numpy as np
from numpy.typing import NDArray

from leakdrill.data.examples import Examples

CHUNK = 256


def nearest_of_other_classes(examples: Examples, pool: Examples, count: int) -> NDArray[np.int64]:
    """(N, count): indices of the `count` images of the pool nearest to each example in L2 and of another class.

    Nearest first; where the pool has too few of other classes, some of the same follow, which may be mislabelled too.
    (N, fewer) when the pool is smaller than that.
    """
    own = pool.inputs.reshape(len(pool), -1).astype(np.float64)  # so that sums over bytes are exact in any order
    squares = np.square(own).sum(axis=1)
    nearest = np.empty((len(examples), min(count, len(pool))), np.int64)
    for start in range(0, len(examples), CHUNK):
        labels = examples.labels[start : start + CHUNK]
        asked = examples.inputs[start : start + CHUNK].reshape(len(labels), -1).astype(np.float64)
        distances = squares - 2 * asked @ own.T
        distances[labels[:, np.newaxis] == pool.labels] = np.inf
        nearest[start : start + CHUNK] = np.argsort(distances, axis=1, kind="stable")[:, :count]
    return nearest
