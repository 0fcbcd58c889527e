"""The ROC curve, and the TPR at a low FPR, the headline of Carlini et al. (S&P 2022, section III)."""

import numpy as np
from numpy.typing import NDArray

from leakdrill.metrics.judged import Judged
from leakdrill.metrics.proportions import clopper_pearson
from leakdrill.metrics.statistics import allowed_false_positives
from leakdrill.results import TprAtFpr

Floats = NDArray[np.float64]

FPRS = (0.1, 0.01, 0.001)
MIN_FALSE_POSITIVES = 10


def roc(scores: Floats, is_member: NDArray[np.bool_]) -> tuple[Floats, Floats, Floats]:
    """FPR, TPR and threshold (T + 1,) of every set {score >= threshold}, from the empty set to everything."""
    false_positives, true_positives, thresholds = _counts(scores, is_member)
    return false_positives / (~is_member).sum(), true_positives / is_member.sum(), thresholds


def tpr_at_fpr(judged: Judged, fprs: tuple[float, ...] = FPRS) -> list[TprAtFpr]:
    """TPR of the largest threshold set whose FPR does not exceed each target, in the *first* repeat.

    One repeat, because counts of several repeats over the same examples do not add up (the spread over repeats stands
    beside it). Without interpolation. Targets that stand for fewer than ten non-members are left out.

    The counted interval is of the share of members above *this* threshold, which chance has placed as well: it is too
    narrow for the TPR at the target itself, whose interval, and what a clause is decided by, is `intervals.interval`.
    """
    false_positives, true_positives, _ = _counts(judged.scores[0], judged.is_member)
    points = []
    for fpr in fprs:
        if not is_resolved(fpr, judged.num_non_members):
            continue
        allowed = allowed_false_positives(fpr, judged.num_non_members)
        at = int(np.searchsorted(false_positives, allowed, "right")) - 1
        hits = int(true_positives[at])
        low, high = clopper_pearson(hits, judged.num_members, design_effect=judged.design_effect)
        rate = {"value": hits / judged.num_members, "low": low, "high": high}
        points.append(TprAtFpr(**rate, fpr=fpr, true_positives=hits, false_positives=int(false_positives[at])))
    return points


def is_resolved(fpr: float, num_non_members: int) -> bool:
    """Whether this FPR stands for at least ten of the non-members."""
    return fpr * num_non_members >= MIN_FALSE_POSITIVES - 1e-9


def _counts(scores: Floats, is_member: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.int64], Floats]:
    """False positives, true positives and the threshold of every set, from the empty one."""
    order = np.argsort(-scores, kind="stable")
    ranked = scores[order]
    ends = np.flatnonzero(np.append(ranked[1:] != ranked[:-1], True))  # a threshold takes all ties or none
    true_positives = np.cumsum(is_member[order])[ends]
    false_positives = ends + 1 - true_positives
    return np.append(0, false_positives), np.append(0, true_positives), np.append(np.inf, ranked[ends])
