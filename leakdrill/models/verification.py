"""Face verification: how far apart two faces are, and below which distance they are one person's (FaceLeaks, 3.3).

The threshold is found as LFW's protocol has it (Huang et al. 2007, "View 2"): ten folds of pairs, the best threshold of
nine of them judged on the tenth. Accuracies are the mean over folds with its standard error, and the threshold that an
API decides by is the mean of the ten.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from leakdrill.errors import ScenarioError

Metric = Literal["euclidean", "cosine"]

NUM_FOLDS = 10
MAX_PAIRS = 6000  # as many as LFW's protocol has


@dataclass(frozen=True)
class Pairs:
    """Pairs of images by number: first and second (P,), whether each is of one person (P,), and its fold (P,)."""

    first: NDArray[np.int64]
    second: NDArray[np.int64]
    is_same: NDArray[np.bool_]
    folds: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.first)


@dataclass(frozen=True)
class Calibration:
    """A threshold and how well it decides. Spreads are over folds."""

    accuracy: float
    accuracy_error: float  # standard error of the mean
    threshold: float
    threshold_deviation: float  # standard deviation
    num_pairs: int
    num_folds: int


def distances(first: NDArray[np.float32], second: NDArray[np.float32], metric: Metric) -> NDArray[np.float32]:
    """(P,) of unit vectors (P, D) row by row, from 0 to 2: Euclidean, or 1 - cosine."""
    if metric == "euclidean":
        apart: NDArray[np.float64] = np.sqrt(np.square(first - second).sum(axis=1, dtype=np.float64))
    else:
        apart = 1 - (first * second).sum(axis=1, dtype=np.float64)
    return apart.astype(np.float32)


def draw_pairs(labels: NDArray[np.int64], generator: np.random.Generator, max_pairs: int = MAX_PAIRS) -> Pairs:
    """Pairs of the images with these labels (N,): half of them of one person each, in folds of equal shares.

    Folds share no pair, but people: a company with a handful of people in its own data has no ten groups of them.
    Raises ScenarioError for fewer than one pair of either sort for each fold.
    """
    same = _same_pairs(labels, max_pairs // 2, generator)
    different = _different_pairs(labels, max_pairs // 2, generator)
    count = min(len(same), len(different))
    if count < NUM_FOLDS:
        raise ScenarioError(
            f"{len(labels)} images make {len(same)} pairs of one person and {len(different)} of two, wanted at least "
            f"{NUM_FOLDS} of each to find verification's threshold: raise data.target.train, .test or .classes"
        )
    pairs = np.concatenate([same[:count], different[:count]])
    folds = np.tile(np.arange(count) % NUM_FOLDS, 2)  # pairs come in random order
    return Pairs(pairs[:, 0], pairs[:, 1], np.repeat([True, False], count), folds)


def calibrate(apart: NDArray[np.float32], pairs: Pairs) -> Calibration:
    """The threshold for pairs that are `apart` (P,), by cross-validation over their folds."""
    accuracies, thresholds = [], []
    for fold in np.unique(pairs.folds):
        held_out = pairs.folds == fold
        threshold = best_threshold(apart[~held_out], pairs.is_same[~held_out])
        accuracies.append(((apart[held_out] <= threshold) == pairs.is_same[held_out]).mean())
        thresholds.append(threshold)
    num_folds = len(accuracies)
    return Calibration(
        accuracy=float(np.mean(accuracies)),
        accuracy_error=float(np.std(accuracies, ddof=1) / np.sqrt(num_folds)),
        threshold=float(np.mean(thresholds)),
        threshold_deviation=float(np.std(thresholds, ddof=1)),
        num_pairs=len(pairs),
        num_folds=num_folds,
    )


def best_threshold(apart: NDArray[np.float32], is_same: NDArray[np.bool_]) -> float:
    """Where "at most so far apart" is right most often: halfway between two distances, the smallest of equals."""
    order = np.argsort(apart, kind="stable")
    rising = apart[order].astype(np.float64)
    gains = np.cumsum(np.where(is_same[order], 1, -1))  # of accepting so many, over accepting none
    is_border = np.append(rising[1:] > rising[:-1], True)
    best = int(np.argmax(np.where(is_border, gains, -len(rising))))
    if gains[best] <= 0:
        return float(np.nextafter(apart.min(), np.float32(-np.inf)))  # best accept none
    return float(rising[best] if best == len(rising) - 1 else (rising[best] + rising[best + 1]) / 2)


def _same_pairs(labels: NDArray[np.int64], most: int, generator: np.random.Generator) -> NDArray[np.int64]:
    """(P, 2), P at most `most`: drawn from all pairs of one label."""
    order = np.argsort(labels, kind="stable")
    _, starts, counts = np.unique(labels[order], return_index=True, return_counts=True)
    ends = np.cumsum(counts * (counts - 1) // 2)
    numbers = generator.choice(ends[-1], min(most, ends[-1]), replace=False)
    label = np.searchsorted(ends, numbers, side="right")
    within = _pair_of(numbers - np.concatenate([[0], ends])[label])
    pairs: NDArray[np.int64] = order[within + starts[label, np.newaxis]]
    return pairs


def _different_pairs(labels: NDArray[np.int64], most: int, generator: np.random.Generator) -> NDArray[np.int64]:
    """(P, 2), P at most `most`: drawn from all pairs of two labels."""
    total = len(labels) * (len(labels) - 1) // 2
    pairs = _pair_of(generator.choice(total, min(4 * most, total), replace=False))
    different: NDArray[np.int64] = pairs[labels[pairs[:, 0]] != labels[pairs[:, 1]]][:most]
    return different


def _pair_of(numbers: NDArray[np.int64]) -> NDArray[np.int64]:
    """(P, 2) in 0 <= i < j: the pairs of those numbers when they are counted (0, 1), (0, 2), (1, 2), (0, 3), ..."""
    larger = ((1 + np.sqrt(1 + 8 * numbers)) / 2).astype(np.int64)
    return np.stack([numbers - larger * (larger - 1) // 2, larger], axis=1)
