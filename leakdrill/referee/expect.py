"""Whether what a scenario expects holds, does not hold, or is undecided at this sample size.

A comparison holds when the 95 % interval of the difference lies wholly on its side, does not hold when it lies wholly
on the other, and is undecided when it straddles. `covers` asks whether the interval contains the number: that is
compatible with a null result of the stated width, and no proof of it.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leakdrill.metrics import Judged, interval, paired_difference, simultaneous_auc_intervals
from leakdrill.referee.baseline import Baseline
from leakdrill.referee.clause import Clause, Op, Operand, parse
from leakdrill.results import ExpectationResult, Interval, ModelResult, Outcome, Verdict
from leakdrill.scenario.schema import Expectation


@dataclass(frozen=True)
class Evidence:
    """What a drill found, by name; a step that was never reached is absent."""

    attacks: Mapping[str, Judged] = field(default_factory=dict)
    models: Mapping[str, ModelResult] = field(default_factory=dict)
    baseline: Baseline | None = None
    within: Mapping[str, Mapping[int, Judged]] = field(default_factory=dict)  # attacks, by queries per example
    units: Mapping[str, NDArray[np.int64]] = field(default_factory=dict)  # of attacks: which were judged; default: all


def decide(expectation: Expectation, evidence: Evidence) -> ExpectationResult:
    """Whether the expectation holds, with the numbers that decided it."""
    clause = parse(expectation.that)
    operands = [side for side in (clause.left, clause.right) if isinstance(side, Operand)]
    missing = [str(operand) for operand in operands if not _is_known(operand, evidence)]
    if missing:
        outcome, got = _undecided(f"{', '.join(missing)}: the drill did not get there, or found nothing to compare")
    elif clause.op == "covers":
        outcome, got = _decide_cover(clause, evidence)
    else:
        outcome, got = _decide_comparison(clause, evidence)
    return ExpectationResult(claim=expectation.claim, that=expectation.that, got=got, outcome=outcome)


def overall(outcomes: Iterable[Outcome]) -> Verdict:
    """One expectation that does not hold is a finding; else one that is undecided leaves the drill undecided."""
    found = set(outcomes)
    if "does not hold" in found:
        return "not met"
    return "undecided" if "undecided" in found else "met"


def _is_known(operand: Operand, evidence: Evidence) -> bool:
    match operand.name:
        case "all":
            return bool(evidence.attacks)
        case "baseline":
            return evidence.baseline is not None
        case name if operand.queries is not None:
            return operand.queries in evidence.within.get(name, {})
        case name:
            return name in evidence.models or name in evidence.attacks


def _decide_cover(clause: Clause, evidence: Evidence) -> tuple[Outcome, dict[str, Any]]:
    assert isinstance(clause.right, float)
    if clause.left.name == "all":
        if len({one.is_member.tobytes() for one in evidence.attacks.values()}) > 1:
            return _undecided("not all attacks were judged on the same people, or of the same")
        intervals: dict[str, Interval | None] = {
            f"{name}.auc": found for name, found in simultaneous_auc_intervals(evidence.attacks).items()
        }
    else:
        intervals = {str(clause.left): _interval(clause.left, evidence)}
    known = [found for found in intervals.values() if found is not None]
    if len(known) < len(intervals):
        return _undecided(f"{clause.left} is undefined here")
    covers = all(found.low <= clause.right <= found.high for found in known)
    return "holds" if covers else "does not hold", {name: _plain(found) for name, found in intervals.items()}


def _decide_comparison(clause: Clause, evidence: Evidence) -> tuple[Outcome, dict[str, Any]]:
    left, right = clause.left, clause.right
    value = _interval(left, evidence)
    if isinstance(right, float):
        got = {str(left): _plain(value)}
        difference = value and Interval(value=value.value - right, low=value.low - right, high=value.high - right)
    else:
        difference = _difference(left, right, evidence)
        got = {str(side): _plain(_interval(side, evidence)) for side in (left, right)}
        got["difference"] = _plain(difference)
    if difference is None:
        return "undecided", got | {"reason": "undefined, or too few examples for this metric"}
    return _side(difference, clause.op), got


def _side(difference: Interval, op: Op) -> Outcome:
    low, high = (difference.low, difference.high) if op in (">", ">=") else (-difference.high, -difference.low)
    strict = op in (">", "<")
    if low > 0 or (low == 0 and not strict):
        return "holds"
    if high < 0 or (high == 0 and strict):
        return "does not hold"
    return "undecided"


def _interval(operand: Operand, evidence: Evidence) -> Interval | None:
    if operand.is_of_model:
        found: Interval = getattr(evidence.models[operand.name], operand.metric)
        return found
    return interval(_judged(operand, evidence), operand.plain_metric)


def _judged(operand: Operand, evidence: Evidence) -> Judged:
    if operand.name == "baseline":
        assert evidence.baseline is not None
        return evidence.baseline.judged
    if operand.queries is not None:
        return evidence.within[operand.name][operand.queries]
    return evidence.attacks[operand.name]


def _difference(a: Operand, b: Operand, evidence: Evidence) -> Interval | None:
    """Attacks are paired on their common examples; two models' accuracies are counts on different ones."""
    if a.is_of_model:
        return _independent_difference(_interval(a, evidence), _interval(b, evidence))
    # an attack may have nothing to say of some, and the baseline leaves out its first fold
    _, of_a, of_b = np.intersect1d(_units(a, evidence), _units(b, evidence), return_indices=True)
    if len(np.unique(_judged(a, evidence).is_member[of_a])) < 2:
        return None
    return paired_difference(_judged(a, evidence).take(of_a), _judged(b, evidence).take(of_b), a.plain_metric)


def _units(operand: Operand, evidence: Evidence) -> NDArray[np.int64]:
    """What was judged, in order: positions in the challenge, or people."""
    judged, baseline = _judged(operand, evidence), evidence.baseline
    if baseline is not None and baseline.result.unit == "identity":
        return judged.labels
    if operand.name == "baseline":
        assert baseline is not None
        return baseline.examined
    return evidence.units.get(operand.name, np.arange(len(judged.labels)))


def _independent_difference(a: Interval | None, b: Interval | None) -> Interval | None:
    """From two independent exact intervals, by squaring and adding (Newcombe, Statistics in Medicine 17, 1998)."""
    if a is None or b is None:
        return None
    value = a.value - b.value
    return Interval(
        value=value,
        low=value - math.hypot(a.value - a.low, b.high - b.value),
        high=value + math.hypot(a.high - a.value, b.value - b.low),
    )


def _plain(found: Interval | None) -> dict[str, float] | None:
    return None if found is None else {"value": found.value, "low": found.low, "high": found.high}


def _undecided(reason: str) -> tuple[Outcome, dict[str, Any]]:
    return "undecided", {"reason": reason}
