"""Whether what the spy collected tells members from non-members, decided by a rule that was fixed before.

The first half of the drills, whose truth has come out, teaches three detectors: the one column that told best, gradient
boosting, and a logistic regression. The second half, which none of them has seen, judges them. Every column and every
score is ranked within its drill, since a drill has as many members as non-members and only order can tell. The AUC of
each detector over all judged examples gets an interval; the three cover the truth together with probability LEVEL, so
a referee who gives nothing away is called a leak once in 1,000 tests.
"""

from collections.abc import Callable, Sequence

import numpy as np
from collecting import Evidence
from numpy.typing import NDArray
from scipy.stats import rankdata
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression

from leakdrill.metrics import Judged, simultaneous_auc_intervals
from leakdrill.results import Interval

LEVEL = 0.999
NUM_RESAMPLES = 10_000  # a quantile at 0.999 of 1,000 resamples would hang on one of them

Floats = NDArray[np.float64]
Detector = Callable[[Floats], Floats]  # columns (N, D) to scores (N,), higher = more likely member


def verdicts(drills: Sequence[Evidence]) -> dict[str, Interval]:
    """The AUC of each detector on the second half of the drills, with intervals that hold together."""
    names = sorted({name for one in drills for name in one.columns})
    ranked = [_ranked(one, names) for one in drills]
    half = len(drills) // 2
    before, truth = np.concatenate(ranked[:half]), np.concatenate([one.is_member for one in drills[:half]])
    varies = before.std(axis=0) > 0
    taught = {
        "best column": _best_column(before[:, varies], truth),
        "boosting": _boosting(before[:, varies], truth),
        "logistic": _logistic(before[:, varies], truth),
    }
    scores = {
        name: np.concatenate([_ranks(detector(rows[:, varies])) for rows in ranked[half:]])
        for name, detector in taught.items()
    }
    return simultaneous_auc_intervals(_judged(scores, drills[half:]), LEVEL, NUM_RESAMPLES)


def tells(found: dict[str, Interval]) -> bool:
    """Whether any detector did better than chance."""
    return any(interval.low > 0.5 for interval in found.values())


def is_at_chance(found: dict[str, Interval]) -> bool:
    return all(interval.low <= 0.5 <= interval.high for interval in found.values())


def best_column(drills: Sequence[Evidence]) -> tuple[str, float]:
    """The column that tells best in all of the drills, and its AUC: what to look for, not a finding."""
    names = sorted({name for one in drills for name in one.columns})
    ranked = np.concatenate([_ranked(one, names) for one in drills])
    aucs = _aucs(ranked, np.concatenate([one.is_member for one in drills]))
    best = int(np.abs(aucs - 0.5).argmax())
    return names[best], float(aucs[best])


def _ranked(one: Evidence, names: Sequence[str]) -> Floats:
    """(N, D): ranks in (0, 1) of each column within its drill; one that this drill lacks says nothing."""
    nothing = np.zeros(len(one.is_member))
    return _ranks(np.stack([one.columns.get(name, nothing) for name in names], axis=1))


def _ranks(values: Floats) -> Floats:
    ranks: Floats = (rankdata(values, axis=0) - 0.5) / len(values)
    return ranks


def _aucs(columns: Floats, truth: NDArray[np.bool_]) -> Floats:
    """The AUC (D,) of each column, ties counting half (Mann-Whitney)."""
    num_members, num_others = truth.sum(), (~truth).sum()
    sums = rankdata(columns, axis=0)[truth].sum(axis=0)
    aucs: Floats = (sums - num_members * (num_members + 1) / 2) / (num_members * num_others)
    return aucs


def _best_column(before: Floats, truth: NDArray[np.bool_]) -> Detector:
    aucs = _aucs(before, truth)
    best = int(np.abs(aucs - 0.5).argmax())
    sign = 1.0 if aucs[best] > 0.5 else -1.0
    return lambda rows: sign * rows[:, best]


def _boosting(before: Floats, truth: NDArray[np.bool_]) -> Detector:
    model = HistGradientBoostingClassifier(max_iter=40, max_leaf_nodes=8, learning_rate=0.1, random_state=0)
    model.fit(before, truth)
    return lambda rows: np.asarray(model.decision_function(rows))


def _logistic(before: Floats, truth: NDArray[np.bool_]) -> Detector:
    mean, spread = before.mean(axis=0), before.std(axis=0)
    model = LogisticRegression(C=0.01, max_iter=300)
    model.fit((before - mean) / spread, truth)
    return lambda rows: np.asarray(model.decision_function((rows - mean) / spread))


def _judged(scores: dict[str, Floats], drills: Sequence[Evidence]) -> dict[str, Judged]:
    truth = np.concatenate([one.is_member for one in drills])
    no_labels = np.zeros(len(truth), np.int64)
    return {name: Judged(each[None], each[None] > 0.5, truth, no_labels) for name, each in scores.items()}
