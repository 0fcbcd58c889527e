"""Intervals of attacks in folds cover what they should, although folds teach each other."""

from dataclasses import replace

import numpy as np
import pytest
from folded_experiments import coverage

from leakdrill.metrics import Judged, interval, paired_difference, simultaneous_auc_intervals
from leakdrill.metrics.roc import tpr_at_fpr


def test_where_nothing_is_to_be_found_widened_intervals_cover_one_half_and_plain_ones_too_rarely() -> None:
    found = coverage("qda", num_people=20, share=1.0, effect=0.0, num=120)
    assert found.as_if_independent < 0.9
    assert found.widened >= 0.9  # three standard errors below 0.95 are 0.89


def judged(effect: float, design_effect: float = 1.0) -> Judged:
    truth = np.arange(400) < 200
    scores = np.random.default_rng(0).normal(size=(1, 400)) + effect * truth
    return Judged(scores, scores > effect / 2, truth, np.arange(400), design_effect)


@pytest.mark.parametrize("metric", ["auc", "accuracy", "precision", "f1"])
def test_an_interval_is_wider_by_the_root_of_the_design_effect_about_the_same_value(metric: str) -> None:
    plain, wide = (interval(judged(0.5, effect), metric) for effect in (1.0, 4.0))
    assert plain is not None
    assert wide is not None
    assert wide.value == plain.value
    assert wide.high - wide.value == pytest.approx(2 * (plain.high - plain.value))
    assert wide.value - wide.low == pytest.approx(2 * (plain.value - plain.low))


def test_differences_and_intervals_of_many_are_as_much_wider() -> None:
    other = replace(judged(0.0), scores=np.random.default_rng(1).normal(size=(1, 400)))
    widths = []
    for effect in (1.0, 4.0):
        both = [replace(one, design_effect=effect) for one in (judged(0.5), other)]
        difference = paired_difference(*both, "auc")
        assert difference is not None
        together = simultaneous_auc_intervals({"one": both[0], "other": both[1]})["one"]
        widths.append([each.high - each.low for each in (difference, together)])
    np.testing.assert_allclose(widths[1], 2 * np.array(widths[0]))


def test_a_widened_interval_stays_within_0_and_1() -> None:
    found = interval(judged(3.0, 100.0), "auc")
    assert found is not None
    assert found.high == 1


def test_of_people_of_whom_two_count_as_one_half_as_many_stand_behind_a_flawless_attack() -> None:
    scores = np.arange(400.0)[::-1]

    def flawless(num: int, effect: float) -> Judged:
        own = np.concatenate([scores[:num], scores[-num:]])
        return Judged(own[None], own[None] > 200, np.arange(2 * num) < num, np.arange(2 * num), effect)

    assert interval(flawless(200, 2.0), "auc") == interval(flawless(100, 1.0), "auc")
    half, wide = (simultaneous_auc_intervals({"one": one}) for one in (flawless(100, 1.0), flawless(200, 2.0)))
    assert wide == half
    assert wide["one"].low < 1
    half_rate, wide_rate = (tpr_at_fpr(one, (0.1,))[0] for one in (flawless(100, 1.0), flawless(200, 2.0)))
    assert (wide_rate.value, wide_rate.low, wide_rate.high) == (half_rate.value, half_rate.low, half_rate.high)


def test_a_counted_rate_is_wider_too() -> None:
    plain, wide = (tpr_at_fpr(judged(1.0, effect), (0.1,))[0] for effect in (1.0, 2.0))
    assert wide.true_positives == plain.true_positives
    assert wide.low < plain.low < plain.value < plain.high < wide.high


def test_whole_people_and_a_part_of_the_examples_keep_it() -> None:
    assert judged(0.5, 2.0).take(np.arange(100, 300)).design_effect == 2
    assert judged(0.5, 2.0).of_classes().design_effect == 2
