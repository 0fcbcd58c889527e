"""Attack models A : X x Y x D_Y -> {in, out}, one per class (TransMIA, section 4.3, L3 and E2; section 5.2).

They are fitted on the shadows' records alone. A class of which the shadows were trained on no example, or held none
out, cannot have a model of its own: it falls back to one fitted on the records of all classes.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from leakdrill.attacks.attack_models.dnn import fit_dnn
from leakdrill.attacks.attack_models.groups import Fitter, Grouped, Judge, Judgement
from leakdrill.attacks.attack_models.inputs import leading_scores
from leakdrill.attacks.attack_models.svm import fit_svm
from leakdrill.attacks.attack_models.threshold import fit_threshold
from leakdrill.seeds import derive

__all__ = [
    "AttackModel",
    "Fitter",
    "Judgement",
    "fit_attack_model",
    "fit_dnn",
    "fit_svm",
    "fit_threshold",
    "leading_scores",
]


@dataclass(frozen=True)
class AttackModel:
    """One judge for the classes that have their own model, one for the rest."""

    group_of: NDArray[np.int64]  # (C,): the class's group with `by_class`, or -1 for `by_all`
    by_class: Judge | None
    by_all: Judge | None

    @property
    def num_classes_without_own(self) -> int:
        return int((self.group_of < 0).sum())

    def judge(self, inputs: NDArray[np.float64], labels: NDArray[np.int64]) -> Judgement:
        """Scores (N,), higher = more likely member, and decisions (N,) for inputs (N, F) of classes `labels` (N,)."""
        scores, decisions = np.empty(len(labels)), np.empty(len(labels), dtype=np.bool_)
        groups = self.group_of[labels]
        for judge, rows in ((self.by_class, groups >= 0), (self.by_all, groups < 0)):
            if judge is not None and rows.any():
                scores[rows], decisions[rows] = judge(inputs[rows], np.maximum(groups[rows], 0))
        return scores, decisions


def fit_attack_model(
    fit: Fitter,
    inputs: NDArray[np.float64],
    labels: NDArray[np.int64],
    is_member: NDArray[np.bool_],
    num_classes: int,
    seed: int,
) -> AttackModel:
    """Fit on records (R, F) of classes (R,), seen in training or not (R,). Both kinds must occur."""
    seen = np.bincount(labels[is_member], minlength=num_classes)
    unseen = np.bincount(labels[~is_member], minlength=num_classes)
    has_own = (seen > 0) & (unseen > 0)
    group_of = np.where(has_own, np.cumsum(has_own) - 1, -1)
    by_class = by_all = None
    if has_own.any():
        rows = has_own[labels]
        by_class = fit(Grouped(inputs[rows], group_of[labels[rows]], is_member[rows]), derive(seed, "by class"))
    if not has_own.all():
        by_all = fit(Grouped(inputs, np.zeros_like(labels), is_member), derive(seed, "by all"))
    return AttackModel(group_of, by_class, by_all)
