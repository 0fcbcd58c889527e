"""How well an attack tells members from non-members, and how sure that is.

Two uncertainties are kept apart. An *interval* is over examples: another challenge from the same distribution. A
*spread* is over repeats: fresh draws of the adversary's shadow models on the same challenge. Scores have one
direction, higher = more likely member, so an AUC below 0.5 is reported as such.
"""

from leakdrill.metrics.intervals import (
    independent_difference,
    interval,
    paired_difference,
    simultaneous_auc_intervals,
    simultaneous_intervals,
)
from leakdrill.metrics.judged import Judged
from leakdrill.metrics.proportions import clopper_pearson, proportion
from leakdrill.metrics.roc import FPRS, MIN_FALSE_POSITIVES, roc, tpr_at_fpr
from leakdrill.metrics.statistics import RATES, target_fpr
from leakdrill.metrics.summary import attack_result, macro, over_repeats

__all__ = [
    "FPRS",
    "MIN_FALSE_POSITIVES",
    "RATES",
    "Judged",
    "attack_result",
    "clopper_pearson",
    "independent_difference",
    "interval",
    "macro",
    "over_repeats",
    "paired_difference",
    "proportion",
    "roc",
    "simultaneous_auc_intervals",
    "simultaneous_intervals",
    "target_fpr",
    "tpr_at_fpr",
]
