"""The statistics themselves, each for every resample at once: AUC, the decisions' rates, TPR at an FPR."""

import numpy as np
from numpy.typing import NDArray

from leakdrill.errors import InvalidInput
from leakdrill.metrics.judged import Judged
from leakdrill.metrics.resampling import Resamples

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

RATES = ("accuracy", "precision", "recall", "f1")  # of the decisions


def statistic(judged: Judged, metric: str, resamples: Resamples) -> Floats:
    """The metric (B, R) in every resample and repeat; NaN where undefined (precision without a positive decision).

    `metric` is auc, accuracy, precision, recall, f1 or tpr@<fpr>.
    """
    truth = judged.is_member

    def of_repeat(scores: Floats, decisions: Bools) -> Floats:
        if metric == "auc":
            return auc(scores[truth], scores[~truth], resamples)
        if metric in RATES:
            return decision_rates(decisions[truth], decisions[~truth], resamples)[metric]
        return tpr(scores[truth], scores[~truth], target_fpr(metric), resamples)

    return np.stack([of_repeat(*repeat) for repeat in zip(judged.scores, judged.decisions, strict=True)], axis=1)


def auc(members: Floats, non_members: Floats, resamples: Resamples) -> Floats:
    """AUC (B,): the chance that a member's score (M,) beats a non-member's (N,); ties count half (Mann-Whitney)."""
    order = np.argsort(non_members)
    below = np.searchsorted(non_members[order], members, "left")  # non-members strictly below each member
    not_above = np.searchsorted(non_members[order], members, "right")

    def block(member_counts: Floats, non_member_counts: Floats) -> Floats:
        running = _running_sum(non_member_counts[:, order])
        won: Floats = np.einsum("bm,bm->b", member_counts, running[:, below] + running[:, not_above])
        return won / (2 * len(members) * len(non_members))

    return np.concatenate([block(*counts) for counts in resamples.blocks()])


def tpr(members: Floats, non_members: Floats, fpr: float, resamples: Resamples) -> Floats:
    """TPR (B,) of the largest set {score >= threshold} whose FPR is at most `fpr`; no interpolation."""
    order = np.argsort(-non_members)
    thresholds, first = np.unique(-non_members[order], return_index=True)  # a threshold takes all ties or none
    last = np.append(first[1:], len(order))
    best = np.argsort(-members)
    above = np.searchsorted(-members[best], thresholds, "left")  # members above each non-member's score
    above = np.append(above, len(members))  # with every non-member allowed, so is every member
    allowed = allowed_false_positives(fpr, len(non_members))

    def block(member_counts: Floats, non_member_counts: Floats) -> Floats:
        false_positives = _running_sum(non_member_counts[:, order])[:, last]
        num_allowed = (false_positives <= allowed).sum(axis=1)  # the next threshold would be one too many
        rows = np.arange(len(member_counts))
        true_positives: Floats = _running_sum(member_counts[:, best])[rows, above[num_allowed]]
        return true_positives / len(members)

    return np.concatenate([block(*counts) for counts in resamples.blocks()])


def decision_rates(members: Bools, non_members: Bools, resamples: Resamples) -> dict[str, Floats]:
    """Accuracy, precision, recall and F1, each (B,), of decisions on members (M,) and non-members (N,)."""
    blocks = [(m @ members.astype(np.float64), n @ non_members.astype(np.float64)) for m, n in resamples.blocks()]
    true_positives, false_positives = (np.concatenate(part) for part in zip(*blocks, strict=True))
    positives = true_positives + false_positives
    true_negatives = len(non_members) - false_positives
    return {
        "accuracy": (true_positives + true_negatives) / (len(members) + len(non_members)),
        "precision": ratio(true_positives, positives),
        "recall": true_positives / len(members),
        "f1": 2 * true_positives / (positives + len(members)),
    }


def target_fpr(metric: str) -> float:
    """0.01 of "tpr@0.01". Raises InvalidInput for what is no metric."""
    kind, _, fpr = metric.partition("@")
    try:
        target = float(fpr)
    except ValueError:
        target = -1.0
    if kind != "tpr" or not 0 < target < 1:
        raise InvalidInput(f"no metric {metric!r}: wanted auc, {', '.join(RATES)}, or tpr@<fpr> such as tpr@0.01")
    return target


def allowed_false_positives(fpr: float, num_non_members: int) -> int:
    return int(fpr * num_non_members + 1e-9)  # 0.29 * 100 is 28.999999999999996


def ratio(above: Floats, below: Floats) -> Floats:
    """Element by element; NaN where there is nothing to divide by."""
    undefined: Floats = np.full(above.shape, np.nan)
    return np.divide(above, below, out=undefined, where=below > 0)


def mean_over_repeats(values: Floats) -> Floats:
    """(B, R) -> (B,), over the repeats in which the metric is defined; NaN where it is in none."""
    defined = ~np.isnan(values)
    return ratio(np.where(defined, values, 0.0).sum(axis=1), defined.sum(axis=1).astype(np.float64))


def _running_sum(counts: Floats) -> Floats:
    """(B, N) -> (B, N + 1), starting at 0."""
    running = np.zeros((counts.shape[0], counts.shape[1] + 1))
    np.cumsum(counts, axis=1, out=running[:, 1:])
    return running
