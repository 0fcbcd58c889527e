"""How sure a metric is over the examples of the challenge: alone, as a difference, and for many attacks at once.

All by the stratified bootstrap, seeded by name, the same resample for all repeats of an attack. Where a resample can
show no error because the sample has none (a perfect attack), the exact bound stands instead of a width of zero.
Resampling takes examples for independent; where they are not, its draws are spread by their `design_effect`, and so
many of them are one trial of the exact bound.
"""

import math
from collections.abc import Mapping

import numpy as np

from leakdrill.errors import InvalidInput
from leakdrill.metrics.judged import Judged
from leakdrill.metrics.proportions import clopper_pearson
from leakdrill.metrics.resampling import NUM_RESAMPLES, SEED, Resamples
from leakdrill.metrics.roc import is_resolved
from leakdrill.metrics.statistics import Floats, mean_over_repeats, statistic, target_fpr
from leakdrill.results import Interval

LEVEL = 0.95
NUM_FAR_RESAMPLES = 2 * NUM_RESAMPLES  # for the quantiles that Bonferroni's bound asks for, which are farther out


def interval(judged: Judged, metric: str, resamples: Resamples | None = None, level: float = LEVEL) -> Interval | None:
    """A metric (auc, accuracy, precision, recall, f1, tpr@0.01), mean over repeats, with its interval.

    None where it is undefined: precision without a positive decision, a tpr@ that stands for fewer than ten
    non-members. The threshold of a tpr@ is found anew in every resample of the non-members: of other non-members it
    would be another, which an interval that takes it as given (`roc.tpr_at_fpr`'s) leaves out.
    """
    if not _is_resolved(judged, metric):
        return None
    resamples = resamples or Resamples.draw(judged)
    found = _around(point(judged, metric), _draws(judged, metric, resamples), level)
    return _exact_if_flawless(found, judged, metric, level) if found and found.low == found.high else found


def paired_difference(a: Judged, b: Judged, metric: str, num: int = NUM_RESAMPLES, seed: int = SEED) -> Interval | None:
    """`a`'s metric minus `b`'s with the paired bootstrap's 95 % interval; None where either is undefined.

    Both are resampled alike, so what makes an example easy for both cancels. All repeats count, also of a tpr@.
    Raises InvalidInput when they were not judged on the same challenge.
    """
    _check_same_challenge({"the first": a, "the second": b})
    if not _is_resolved(a, metric):
        return None
    resamples = Resamples.draw(a, num, seed)
    draws = [_draws(one, metric, resamples) for one in (a, b)]
    return _around(point(a, metric) - point(b, metric), draws[0] - draws[1], LEVEL)


def independent_difference(a: Interval, b: Interval) -> Interval:
    """`a` minus `b`, which were measured on different examples, from their intervals.

    By squaring and adding what each may err by (Newcombe, Statistics in Medicine 17, 1998).
    """
    value = a.value - b.value
    return Interval(
        value=value,
        low=value - math.hypot(a.value - a.low, b.high - b.value),
        high=value + math.hypot(a.high - a.value, b.value - b.low),
    )


def simultaneous_intervals(judged: Mapping[str, Judged], metric: str) -> dict[str, Interval | None]:
    """Intervals of any metric that *all* cover with probability 95 %; None for an attack where it is undefined.

    AUCs on one challenge by the largest |t|, as `simultaneous_auc_intervals` has it. Any other metric, which may lie
    far from evenly about its value, and attacks that were judged on different examples, by Bonferroni's bound.
    """
    if metric == "auc" and _differing(judged) is None:
        return dict(simultaneous_auc_intervals(judged))
    level = 1 - (1 - LEVEL) / len(judged)
    return {name: interval(one, metric, Resamples.draw(one, NUM_FAR_RESAMPLES), level) for name, one in judged.items()}


def simultaneous_auc_intervals(
    judged: Mapping[str, Judged], level: float = LEVEL, num: int = NUM_RESAMPLES, seed: int = SEED
) -> dict[str, Interval]:
    """AUC intervals that *all* cover with probability `level`: by the bootstrap of the largest |t| over the attacks.

    Attacks on one challenge are resampled together, so correlated attacks cost less width than Bonferroni's bound.
    One whose AUC no resample moves (constant or perfect scores) takes no part in the maximum.
    """
    _check_same_challenge(judged)
    values = {name: point(one, "auc") for name, one in judged.items()}
    draws = {name: _draws(one, "auc", Resamples.draw(one, num, seed)) for name, one in judged.items()}
    errors = {name: float(draw.std(ddof=1)) for name, draw in draws.items()}
    moving = [name for name, error in errors.items() if error > 0]
    sizes = [np.abs(draws[name] - values[name]) / errors[name] for name in moving]
    width = float(np.quantile(np.max(sizes, axis=0), level)) if moving else 0.0

    def around(name: str) -> Interval:
        value, half = values[name], width * errors[name]
        if name in moving:
            return Interval(value=value, low=max(0.0, value - half), high=min(1.0, value + half))
        unmoved = Interval(value=value, low=value, high=value)
        return _exact_if_flawless(unmoved, judged[name], "auc", 1 - (1 - level) / len(judged))

    return {name: around(name) for name in judged}


def _is_resolved(judged: Judged, metric: str) -> bool:
    """Whether a tpr@ stands for at least ten non-members; any other metric needs none."""
    return not metric.startswith("tpr@") or is_resolved(target_fpr(metric), judged.num_non_members)


def _draws(judged: Judged, metric: str, resamples: Resamples) -> Floats:
    """(B,), mean over repeats, within 0 and 1; of examples that are not independent as far apart as they would be."""
    draws = mean_over_repeats(statistic(judged, metric, resamples))
    if judged.design_effect == 1:
        return draws
    value = point(judged, metric)
    spread: Floats = np.clip(value + math.sqrt(judged.design_effect) * (draws - value), 0, 1)
    return spread


def point(judged: Judged, metric: str) -> float:
    """A metric, mean over repeats, without an interval."""
    return float(mean_over_repeats(statistic(judged, metric, Resamples.identity(judged)))[0])


def _around(value: float, draws: Floats, level: float) -> Interval | None:
    """The percentile interval of the draws."""
    if np.isnan(value):
        return None
    low, high = np.quantile(draws[~np.isnan(draws)], [(1 - level) / 2, (1 + level) / 2])
    return Interval(value=value, low=float(low), high=float(high))


def _exact_if_flawless(unmoved: Interval, judged: Judged, metric: str, level: float) -> Interval:
    """The exact bound for a rate of 0 or 1 that no resample moves."""
    if unmoved.value not in (0.0, 1.0):
        return unmoved
    num_trials = _num_trials(judged, metric)
    low, high = clopper_pearson(int(unmoved.value) * num_trials, num_trials, level, judged.design_effect)
    return Interval(value=unmoved.value, low=low, high=high)


def _num_trials(judged: Judged, metric: str) -> int:
    """How many independent trials stand behind a rate of exactly 0 or 1."""
    match metric:
        case "accuracy":
            return len(judged.is_member)
        case "precision":
            return max(1, int(judged.decisions.sum(axis=1).min()))
        case rate if rate == "recall" or rate.startswith("tpr@"):
            return judged.num_members
        case _:  # AUC: that many disjoint pairs of a member and a non-member, all in order. F1: no fewer than that
            return min(judged.num_members, judged.num_non_members)


def _check_same_challenge(judged: Mapping[str, Judged]) -> None:
    if differing := _differing(judged):
        raise InvalidInput(f"{' and '.join(differing)} were judged on different challenges: they cannot be paired")


def _differing(judged: Mapping[str, Judged]) -> tuple[str, str] | None:
    """Two that were not judged on the same members and non-members, if there are any."""
    names = list(judged)
    for name in names[1:]:
        if not np.array_equal(judged[name].is_member, judged[names[0]].is_member):
            return names[0], name
    return None
