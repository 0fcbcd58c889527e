"""An attack judged as if it had been allowed fewer queries per example: what a query buys."""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from leakdrill.attacks.base import SOURCE_LABEL, Attack, Verdict
from leakdrill.metrics import Judged


def within_queries(attack: Attack, verdicts: Sequence[Verdict], judged: Judged, num_asked: int) -> dict[int, Judged]:
    """What to judge, by queries per example, of the attack's repeats, which `judged` is about as a whole.

    num_asked: its queries, all repeats together. An attack on labels alone that has no curve is one point, at what it
    asked on average, unless it abstained from some, of whom it may have asked nothing; any other is none.
    """
    says_all = all(said.abstained is None for said in verdicts)
    if not attack.budgets and SOURCE_LABEL in attack.needs and num_asked and says_all:
        return {math.ceil(num_asked / judged.scores.size): judged}
    within = {}
    for queries in attack.budgets:
        if all(queries in said.by_queries for said in verdicts):  # an adversary may leave some out
            scores = np.stack([said.by_queries[queries] for said in verdicts])
            within[queries] = replace(judged, scores=scores, decisions=scores > 0)
    return within
