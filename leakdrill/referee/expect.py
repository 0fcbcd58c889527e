"""Whether what a scenario expects holds, does not hold, or is undecided at this sample size.

A comparison holds when the 95 % interval of the difference lies wholly on its side, does not hold when it lies wholly
on the other, and is undecided when it straddles. `covers` asks whether the interval contains the number: that is
compatible with a null result of the stated width, and no proof of it.

`all` attacks have intervals that are meant to be right for all of them at once with 95 %, however many there are. They
are the bootstrap's, so that it holds about, and not to the letter: tests/metrics/ simulates how often, of AUCs and of a
TPR at a low FPR. Several clauses are not corrected for one another.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leakdrill.metrics import (
    MIN_FALSE_POSITIVES,
    Judged,
    independent_difference,
    interval,
    paired_difference,
    simultaneous_intervals,
    target_fpr,
)
from leakdrill.referee import deciding
from leakdrill.referee.baseline import Baseline
from leakdrill.referee.clause import Clause, Op, Operand, parse
from leakdrill.results import (
    AttackResult,
    Deciding,
    ExpectationResult,
    Interval,
    ModelResult,
    Outcome,
    Proportion,
    Unit,
    Verdict,
)
from leakdrill.scenario.schema import Expectation


@dataclass(frozen=True)
class Evidence:
    """What a drill found, by name; a step that was never reached is absent."""

    attacks: Mapping[str, Judged] = field(default_factory=dict)
    models: Mapping[str, ModelResult] = field(default_factory=dict)
    baseline: Baseline | None = None
    within: Mapping[str, Mapping[int, Judged]] = field(default_factory=dict)  # attacks, by queries per example
    units: Mapping[str, NDArray[np.int64]] = field(default_factory=dict)  # of attacks: which were judged; default: all
    results: Mapping[str, AttackResult] = field(default_factory=dict)  # of attacks, those that decide nothing, too


@dataclass(frozen=True)
class Finding:
    outcome: Outcome
    got: dict[str, Any]
    deciding: Deciding | None = None


def decide(expectation: Expectation, evidence: Evidence) -> ExpectationResult:
    """Whether the expectation holds, with the numbers that decided it."""
    clause = parse(expectation.that)
    operands = [side for side in (clause.left, clause.right) if isinstance(side, Operand)]
    missing = [str(operand) for operand in operands if not _is_known(operand, evidence)]
    if missing:
        found = _undecided(f"{', '.join(missing)}: the drill did not get there, or found nothing to compare")
    elif clause.left.name == "all" and (mute := [name for name in evidence.results if name not in evidence.attacks]):
        found = _undecided(f"{', '.join(mute)} had something to say of members alone, or of others alone")
    elif clause.op == "covers":
        found = _decide_cover(clause, evidence)
    elif clause.left.name == "all":
        found = _decide_all(clause, evidence)
    else:
        found = _decide_comparison(clause, evidence)
    return ExpectationResult(
        claim=expectation.claim,
        that=expectation.that,
        got=found.got,
        outcome=found.outcome,
        deciding=found.deciding if found.outcome == "undecided" else None,
    )


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


def _decide_cover(clause: Clause, evidence: Evidence) -> Finding:
    assert isinstance(clause.right, float)
    intervals = _intervals(clause.left, evidence)
    known = [found for found in intervals.values() if found is not None]
    if len(known) < len(intervals):
        return _undecided(f"{clause.left} is undefined here")
    covers = all(found.low <= clause.right <= found.high for found in known)
    return Finding("holds" if covers else "does not hold", {name: _plain(found) for name, found in intervals.items()})


def _decide_all(clause: Clause, evidence: Evidence) -> Finding:
    """Holds for all attacks, or does not for one of them; those nearest to breaking it are named first."""
    assert isinstance(clause.right, float)
    metric, bound = clause.left.metric, clause.right
    sides: dict[str, tuple[float, Outcome, Deciding | None]] = {}
    intervals = simultaneous_intervals(evidence.attacks, metric)
    for name, found in intervals.items():
        if found is None:
            sides[name] = (-math.inf, "undecided", _undefined(Operand(name, metric), evidence))
            continue
        difference = _minus(found, bound)
        margin = difference.low if clause.op in (">", ">=") else -difference.high
        sides[name] = (margin, _side(difference, clause.op), _enough(difference, [Operand(name, metric)], evidence))
    nearest = sorted(sides, key=lambda name: sides[name][0])
    outcome = _worst([outcome for _, outcome, _ in sides.values()])
    open_ones = [estimate for _, each, estimate in sides.values() if each == "undecided"]
    got = {f"{name}.{metric}": _plain(intervals[name]) for name in nearest}
    return Finding(outcome, got, deciding.the_most(open_ones))


def _worst(outcomes: list[Outcome]) -> Outcome:
    if "does not hold" in outcomes:
        return "does not hold"
    return "undecided" if "undecided" in outcomes else "holds"


def _decide_comparison(clause: Clause, evidence: Evidence) -> Finding:
    left, right = clause.left, clause.right
    value = _interval(left, evidence)
    if isinstance(right, float):
        operands, got = [left], {str(left): _plain(value)}
        difference = value and _minus(value, right)
    else:
        operands, difference = [left, right], _difference(left, right, evidence)
        got = {str(side): _plain(_interval(side, evidence)) for side in (left, right)}
        got["difference"] = _plain(difference)
    if difference is None:
        reason = {"reason": "undefined, or too few examples for this metric"}
        return Finding("undecided", got | reason, _undefined(left, evidence))
    return Finding(_side(difference, clause.op), got, _enough(difference, operands, evidence))


def _side(difference: Interval, op: Op) -> Outcome:
    low, high = (difference.low, difference.high) if op in (">", ">=") else (-difference.high, -difference.low)
    strict = op in (">", "<")
    if low > 0 or (low == 0 and not strict):
        return "holds"
    if high < 0 or (high == 0 and strict):
        return "does not hold"
    return "undecided"


def _intervals(operand: Operand, evidence: Evidence) -> dict[str, Interval | None]:
    """By name; of `all` attacks, simultaneous ones."""
    if operand.name != "all":
        return {str(operand): _interval(operand, evidence)}
    found = simultaneous_intervals(evidence.attacks, operand.metric)
    return {f"{name}.{operand.metric}": each for name, each in found.items()}


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
        of_a_model, of_another = _interval(a, evidence), _interval(b, evidence)
        return of_a_model and of_another and independent_difference(of_a_model, of_another)
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


def _plain(found: Interval | None) -> dict[str, float] | None:
    return None if found is None else {"value": found.value, "low": found.low, "high": found.high}


def _minus(found: Interval, bound: float) -> Interval:
    return Interval(value=found.value - bound, low=found.low - bound, high=found.high - bound)


def _undecided(reason: str) -> Finding:
    return Finding("undecided", {"reason": reason})


def _enough(difference: Interval, operands: list[Operand], evidence: Evidence) -> Deciding:
    """How many examples would decide, by this interval of the operand minus a number, or of one minus another."""
    if operands[0].is_of_model:
        return deciding.from_interval(difference, sum(_num_tried(each, evidence) for each in operands), "example")
    judged = [set(_units(each, evidence).tolist()) for each in operands]
    return deciding.from_interval(difference, len(set.intersection(*judged)), _unit(operands[0], evidence))


def _undefined(operand: Operand, evidence: Evidence) -> Deciding | None:
    """The same where a rate stands for too few non-members; None where examples are not what is lacking."""
    if not operand.metric.startswith("tpr@"):
        return None
    judged = _judged(operand, evidence)
    fpr, unit = target_fpr(operand.metric), _unit(operand, evidence)
    return deciding.from_fpr(fpr, MIN_FALSE_POSITIVES, judged.num_members, judged.num_non_members, unit)


def _num_tried(operand: Operand, evidence: Evidence) -> int:
    """On how many examples a model's accuracy was counted."""
    tried: Proportion = getattr(evidence.models[operand.name], operand.metric)
    return tried.num_examples


def _unit(operand: Operand, evidence: Evidence) -> Unit:
    if operand.name == "baseline" and evidence.baseline is not None:
        return evidence.baseline.result.unit
    result = evidence.results.get(operand.name)
    return "example" if result is None else result.unit
