"""The distances between the photos of one person, and what they come to (FaceLeaks, section 5.2)."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from leakdrill.attacks.people.face_api import Rows

Floats = NDArray[np.float64]


def pairs_within(labels: NDArray[np.int64]) -> list[tuple[Rows, Rows]]:
    """All m(m-1)/2 pairs of positions with the same label, class by class in the order of the labels (N,)."""
    pairs = []
    for label in np.unique(labels):
        own = np.flatnonzero(labels == label)
        first, second = np.triu_indices(len(own), k=1)
        pairs.append((own[first], own[second]))
    return pairs


def six_statistics(of_classes: Sequence[Floats]) -> Floats:
    """Of each class's distances: mean, median, variance, mean and median absolute deviation, interquartile range.

    (C, 6). The deviations are about the mean and about the median.
    """
    return np.stack([_six(distances) for distances in of_classes])


def _six(distances: Floats) -> Floats:
    mean, median = distances.mean(), np.median(distances)
    quarter, three_quarters = np.quantile(distances, [0.25, 0.75])
    deviations = np.abs(distances - mean).mean(), np.median(np.abs(distances - median))
    return np.array([mean, median, distances.var(), *deviations, three_quarters - quarter])


def principal_components(columns: Floats, num: int) -> Floats:
    """Principal components (C, at most `num`) of `columns` (C, F), each taken at mean 0 and deviation 1."""
    spread = columns.std(axis=0)
    scaled = (columns - columns.mean(axis=0)) / np.where(spread > 0, spread, 1)
    left, sizes, _ = np.linalg.svd(scaled, full_matrices=False)
    components: Floats = (left * sizes)[:, :num]
    return components
