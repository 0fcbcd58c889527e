"""A threshold on one number per example, of which members have more."""

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]


def best_cut(members: Numbers, non_members: Numbers) -> float:
    """The tau for which most examples are rightly called in if their number is above it, and out if not.

    A member weighs as much as a non-member does in sum. Sought at the numbers themselves and below them all; of equals
    the largest: who cannot tell should not accuse.
    """
    values = np.unique(np.concatenate([members, non_members]))
    # half-way to the next value, so that another example's need not be the same to the last digit
    candidates = np.concatenate([values[:1] - 1, (values[:-1] + values[1:]) / 2, values[-1:]])
    misses = np.searchsorted(np.sort(members), candidates, side="right") / len(members)
    cleared = np.searchsorted(np.sort(non_members), candidates, side="right") / len(non_members)
    gains = cleared - misses
    return float(candidates[len(candidates) - 1 - np.argmax(gains[::-1])])


def separation(members: Numbers, non_members: Numbers) -> float:
    """The chance, in [0, 1], that a random member has more than a random non-member, ties being halves (AUC)."""
    ordered = np.sort(non_members)
    below = np.searchsorted(ordered, members, side="left") + np.searchsorted(ordered, members, side="right")
    return float(below.mean() / (2 * len(non_members)))
