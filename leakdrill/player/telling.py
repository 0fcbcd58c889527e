"""What a player is told of a submission: an AUC, so coarse that a few marks do not show in it, and nothing beside it.

One example that is marked moves the AUC by half a step of the ranks, up if it is a member and down if not. So it is
rounded to hundredths or, where the challenge is small, to more; and the interval is that of the rounded AUC (Hanley and
McNeil 1982, "The meaning and use of the area under a ROC curve"), since one of the scores would tell what was rounded.
"""

import math

import numpy as np

from leakdrill.referee.truth import Truth
from leakdrill.results import AttackResult, Interval

DECIMALS, FINEST = 2, 0.01
MARKS = 3  # so many examples that are marked, be they all members, do not show
WIDTH = 1.96  # standard errors to each side: 95 %


def told(result: AttackResult) -> Interval:
    """What a player may know of its AUC: no more than a whole number of steps from 0.5, and what follows from it."""
    num_members, num_others = result.num_members, result.num_non_members
    step = step_of(min(num_members, num_others))
    value = min(1.0, max(0.0, 0.5 + step * round((result.auc.value - 0.5) / step)))
    likely = min(1 - step / 2, max(step / 2, value))  # nothing is exactly 0 or 1 that was rounded to it
    half = WIDTH * standard_error(likely, num_members, num_others) + step / 2
    return Interval(value=value, low=max(0.0, value - half), high=min(1.0, value + half))


def step_of(num_per_side: int) -> float:
    """To what an AUC is rounded, over so many members and as many others: a whole number of steps are from 0.5 to 1."""
    return 0.5 / max(1, math.floor(0.5 / max(FINEST, MARKS / num_per_side)))


def standard_error(auc: float, num_members: int, num_others: int) -> float:
    """Hanley and McNeil 1982, equations 1 and 2: from the AUC and the counts alone."""
    of_two_members, of_two_others = auc / (2 - auc), 2 * auc**2 / (1 + auc)
    spread_members = (num_members - 1) * (of_two_members - auc**2)
    spread_others = (num_others - 1) * (of_two_others - auc**2)
    variance: float = (auc * (1 - auc) + spread_members + spread_others) / (num_members * num_others)
    return math.sqrt(variance)


def num_per_side(truth: Truth, by_identity: bool) -> int:
    """What is judged, people or examples, that is in or that is out: the fewer of both."""
    sides = truth.is_member, ~truth.is_member
    return min(len(np.unique(truth.labels[side])) if by_identity else int(side.sum()) for side in sides)


def in_hundredths(auc: Interval) -> str:
    return f"{auc.value:.{DECIMALS}f} [{auc.low:.{DECIMALS}f}, {auc.high:.{DECIMALS}f}]"
