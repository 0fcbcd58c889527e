from dataclasses import replace

import numpy as np

from leakdrill.attacks import Boundary, Entropy, Gap
from leakdrill.attacks.base import Verdict
from leakdrill.metrics import Judged
from leakdrill.referee.within import within_queries

TRUTH = np.arange(10) < 5
LABELS = np.zeros(10, np.int64)


class WithoutACurve(Gap):
    @property
    def budgets(self) -> tuple[int, ...]:
        return ()


def said(*budgets: int) -> Verdict:
    scores = np.where(TRUTH, 1.0, -1.0)
    return Verdict(scores, scores > 0, {}, {queries: scores * queries for queries in budgets})


def judged(*verdicts: Verdict) -> Judged:
    scores = np.stack([each.scores for each in verdicts])
    return Judged(scores, scores > 0, TRUTH, LABELS)


def test_each_budget_of_a_curve_is_judged_over_all_repeats() -> None:
    two = said(1, 5), said(1, 5)
    within = within_queries(Boundary(queries_per_example=5), two, judged(*two), 100)
    assert list(within) == [1, 5]
    assert within[5].scores.tolist() == [(TRUTH * 10.0 - 5).tolist()] * 2
    np.testing.assert_array_equal(within[5].decisions, [TRUTH, TRUTH])
    folded = replace(judged(*two), design_effect=1.5)
    assert within_queries(Boundary(queries_per_example=5), two, folded, 100)[5].design_effect == 1.5


def test_a_budget_that_one_repeat_leaves_out_or_that_nobody_announced_is_not_judged() -> None:
    two = said(1, 3, 5), said(3, 5)
    assert list(within_queries(Boundary(queries_per_example=5), two, judged(*two), 100)) == [5]


def test_labels_alone_and_no_curve_make_one_point_at_what_was_asked_on_average() -> None:
    two = said(), said()
    assert list(within_queries(WithoutACurve(output="label"), two, judged(*two), 59)) == [3]
    assert within_queries(Entropy(), two, judged(*two), 60) == {}


def test_no_point_is_made_of_an_attack_that_asked_nothing_of_some() -> None:
    some = replace(said(), abstained=np.arange(10) > 6)
    assert within_queries(WithoutACurve(output="label"), [some, said()], judged(some, said()), 59) == {}
