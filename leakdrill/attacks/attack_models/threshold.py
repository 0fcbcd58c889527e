"""A threshold on one number per record, for each group the one that decides most records rightly (TransMIA, E2)."""

import numpy as np
from numpy.typing import NDArray

from leakdrill.attacks.attack_models.groups import Grouped, Judge, Judgement


def fit_threshold(records: Grouped, seed: int = 0) -> Judge:
    """Judges by tau - x, with x the only input (R, 1) of a record, e.g. its modified entropy: in if x <= tau."""
    thresholds = np.array(
        [
            best_threshold(records.inputs[own & records.is_member, 0], records.inputs[own & ~records.is_member, 0])
            for own in (records.groups == group for group in range(records.num_groups))
        ]
    )

    def judge(inputs: NDArray[np.float64], groups: NDArray[np.int64]) -> Judgement:
        scores = thresholds[groups] - inputs[:, 0]
        return scores, scores >= 0

    return judge


def best_threshold(members: NDArray[np.float64], non_members: NDArray[np.float64]) -> float:
    """The tau that maximises |members <= tau| + |non_members > tau|, the paper's sum.

    The sum only changes at the values themselves, none of which is negative, so tau is sought half-way between
    neighbours, below them all (nothing is in) and at the largest (everything is). Of equals, the smallest: who cannot
    tell should not accuse.
    """
    values = np.unique(np.concatenate([members, non_members]))
    below = values[:1][values[:1] > 0] / 2
    candidates = np.concatenate([below, (values[:-1] + values[1:]) / 2, values[-1:]])
    hits = np.searchsorted(np.sort(members), candidates, side="right")
    false_alarms = np.searchsorted(np.sort(non_members), candidates, side="right")
    return float(candidates[np.argmax(hits - false_alarms)])
