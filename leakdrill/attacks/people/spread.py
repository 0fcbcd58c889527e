"""How concentrated an identity's embeddings are: S^y, and the principal components of covariances (FaceLeaks, 5.1).

A covariance of 512 dimensions has 131,328 entries on and above its diagonal. Nothing here holds more than some rows of
them at once: the principal components of many come from their inner products, which add up row by row (Gram matrix).
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from leakdrill.errors import InvalidInput

Floats = NDArray[np.float64]

_ROWS = 32  # of the covariances at once: 50 MB for 400 classes of 512 dimensions


def deviations(embeddings: NDArray[np.float32], labels: NDArray[np.int64]) -> list[Floats]:
    """X (m, D) for each class in the order of its label, such that X'X is its covariance (unbiased).

    Every class of `labels` (N,) has 2 photos or more: `several_photos` says which do.
    """
    found = []
    for label in np.unique(labels):
        own = embeddings[labels == label].astype(np.float64)
        found.append((own - own.mean(axis=0)) / np.sqrt(len(own) - 1))
    return found


def several_photos(labels: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether each photo (N,) is one of several of its class: with a single one there is nothing to be close to.

    Raises InvalidInput when fewer than two classes have several: there is nobody to compare.
    """
    _, index, sizes = np.unique(labels, return_inverse=True, return_counts=True)
    if (sizes > 1).sum() < 2:
        raise InvalidInput(
            f"{(sizes == 1).sum()} of {len(sizes)} classes have a single photo, and so neither a covariance nor a "
            "distance: wanted 2 or more classes with 2 or more photos each; raise data.challenge.per_class"
        )
    has_several: NDArray[np.bool_] = sizes[index] > 1
    return has_several


def spread(deviation: Floats, p: int, off_diagonal: float) -> float:
    """S^y of equation 3: the p-norm of the covariance's diagonal, plus `off_diagonal` (lambda) that of the rest.

    The factor 1/2 of the paper counts each pair of dimensions once. `p` is 1 or 2.
    """
    width = deviation.shape[1]
    whole = sum(
        float((np.abs(deviation[:, start : start + _ROWS].T @ deviation) ** p).sum())
        for start in (range(0, width, _ROWS) if off_diagonal else ())
    )
    diagonal = float(((deviation**2).sum(axis=0) ** p).sum())
    rest = max(0.0, whole - diagonal) / 2
    return float(diagonal ** (1 / p) + off_diagonal * rest ** (1 / p))


def covariance_components(deviations: Sequence[Floats], num: int) -> Floats:
    """Principal components (C, at most `num`) of the covariances' upper triangles, diagonals included."""
    gram = _gram(deviations)
    centred = gram - gram.mean(axis=0) - gram.mean(axis=1, keepdims=True) + gram.mean()
    variances, directions = np.linalg.eigh(centred)  # rising
    kept = slice(-1, -1 - min(num, len(gram) - 1), -1)
    components: Floats = directions[:, kept] * np.sqrt(np.maximum(variances[kept], 0))
    return components


def _gram(deviations: Sequence[Floats]) -> Floats:
    """Inner products (C, C) of the covariances' upper triangles."""
    width = deviations[0].shape[1]
    gram = np.zeros((len(deviations), len(deviations)))
    for start in range(0, width, _ROWS):
        stop = min(start + _ROWS, width)
        upper = np.triu(np.ones((stop - start, width - start)))
        rows = np.stack([(each[:, start:stop].T @ each[:, start:] * upper).ravel() for each in deviations])
        gram += rows @ rows.T
    return gram
