"""The grammar of `expect`, small and closed: what a clause may say, checked before anything runs.

    <name>.<metric> <op> <number or name.metric>         after.auc > before.auc
    <name>.<metric> covers <number>                      all.auc covers 0.5

`name` is an attack of the timeline, "baseline", a model ("source", "target") or, beside a number, "all" attacks at
once: `all.auc < 0.6` says that no attack reaches 0.6. `op` is > >= < or <=. Intervals are compared: `after.auc < 0.6`
says that the upper end of after's AUC is below 0.6, and `after.auc > 0.6` that its lower end is above.
Metrics of attacks and the baseline: auc, accuracy, precision, recall, f1, tpr@<fpr>; of attacks that say what fewer
queries buy: auc@<queries per example>; of models: train_accuracy, test_accuracy. All are fractions between 0 and 1.
leakdrill.referee.expect decides what holds.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from leakdrill.attacks.base import Attack
from leakdrill.errors import InvalidInput, ScenarioError
from leakdrill.metrics import RATES, target_fpr
from leakdrill.scenario.schema import Scenario
from leakdrill.scenario.steps import AttackStep, PlainStep
from leakdrill.suggest import suggest

Op = Literal[">", ">=", "<", "<=", "covers"]
OPS: dict[str, Op] = {op: op for op in get_args(Op)}

ATTACK_METRICS = ("auc", *RATES)
MODEL_METRICS = ("train_accuracy", "test_accuracy")
#: By the steps that make them, or bring them.
MODELS = {"source": ("train_source", "load_source"), "target": ("adapt", "load_target")}
_WITHIN = re.compile(r"auc@([1-9][0-9]{0,8})")
_CLAUSE = re.compile(r"\s*([^\s<>=!]+)(\s*[<>=!]+\s*|\s+[a-z]+\s+)([^\s<>=!]+)\s*")
_FORM = "wanted <name>.<metric> <op> <number or name.metric>, such as 'after.auc > before.auc'"


@dataclass(frozen=True)
class Operand:
    name: str
    metric: str

    def __str__(self) -> str:
        return f"{self.name}.{self.metric}"

    @property
    def is_of_model(self) -> bool:
        return self.name in MODELS

    @property
    def queries(self) -> int | None:
        """300 of "auc@300"."""
        match = _WITHIN.fullmatch(self.metric)
        return int(match[1]) if match else None

    @property
    def plain_metric(self) -> str:
        """What is measured, however many queries it takes."""
        return self.metric if self.queries is None else "auc"


@dataclass(frozen=True)
class Clause:
    left: Operand
    op: Op
    right: Operand | float


def validate(scenario: Scenario) -> list[Clause]:
    """The parsed clauses. Raises ScenarioError, naming the clause, before anything runs."""
    attacks = {step.attack.name: step.attack for step in scenario.timeline if isinstance(step, AttackStep)}
    steps = {step.step for step in scenario.timeline if isinstance(step, PlainStep)}
    models = {name for name, makers in MODELS.items() if steps & set(makers)}
    clauses = []
    for index, expectation in enumerate(scenario.expect):
        try:
            clauses.append(_checked(parse(expectation.that), attacks, models))
        except InvalidInput as error:
            raise ScenarioError(f"expect[{index}].that {expectation.that!r}: {error}") from error
    return clauses


def parse(that: str) -> Clause:
    """Raises ScenarioError saying what is wrong with the clause and what would be right."""
    match = _CLAUSE.fullmatch(that)
    if match is None:
        raise ScenarioError(f"not a clause: {_FORM}")
    left, op, right = match.groups()
    clause = Clause(_operand(left), _op(op.strip()), _number(right) if _is_number(right) else _operand(right))
    _check_sides(clause)
    return clause


def _op(text: str) -> Op:
    if text not in OPS:
        raise ScenarioError(f"unknown comparison {text!r}: {suggest(text, OPS)}")
    return OPS[text]


def _operand(text: str) -> Operand:
    name, dot, metric = text.partition(".")
    if not dot or not name or not metric:
        raise ScenarioError(f"{text!r} is neither a number nor a metric: {_FORM}")
    operand = Operand(name, metric)
    if operand.is_of_model and metric not in MODEL_METRICS:
        raise ScenarioError(f"the model {name!r} has no {metric!r}: {suggest(metric, MODEL_METRICS)}")
    if not operand.is_of_model and metric not in ATTACK_METRICS and operand.queries is None:
        _check_tpr(metric)
    return operand


def _check_tpr(metric: str) -> None:
    try:
        target_fpr(metric)
    except InvalidInput as error:
        raise ScenarioError(
            f"unknown metric {metric!r}: {suggest(metric, [*ATTACK_METRICS, 'tpr@0.01', 'auc@300'])}"
        ) from error


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _number(text: str) -> float:
    number = float(text)
    if not (math.isfinite(number) and 0 <= number <= 1):
        raise ScenarioError(f"{text} is no rate: metrics are fractions between 0 and 1")
    return number


def _check_sides(clause: Clause) -> None:
    left, right = clause.left, clause.right
    if clause.op == "covers":
        if isinstance(right, Operand) or left.is_of_model:
            raise ScenarioError("covers wants an attack's metric and a number, such as 'all.auc covers 0.5'")
        _check_all(left)
        return
    sides = [left] if isinstance(right, float) else [left, right]
    if isinstance(right, Operand) and any(side.name == "all" for side in sides):
        raise ScenarioError("'all' is compared with a number, such as 'all.auc < 0.6'")
    _check_all(left)
    if isinstance(right, Operand) and left.is_of_model != right.is_of_model:
        raise ScenarioError(f"{left} is a model's and {right} is not: compare like with like")
    if isinstance(right, Operand) and not left.is_of_model and left.plain_metric != right.plain_metric:
        raise ScenarioError(f"{left.metric!r} and {right.metric!r} are different metrics: compare like with like")


def _check_all(operand: Operand) -> None:
    if operand.name == "all" and operand.queries is not None:
        raise ScenarioError(f"all attacks at once have no {operand.metric!r}: name one that is judged by queries")


def _checked(clause: Clause, attacks: Mapping[str, Attack], models: set[str]) -> Clause:
    for side in (clause.left, clause.right):
        if isinstance(side, float):
            continue
        if side.name in MODELS and side.name not in models:
            raise ScenarioError(
                f"there is no {side.name} model without the step {' or '.join(MODELS[side.name])} in the timeline"
            )
        if side.name == "all" and not attacks:
            raise ScenarioError("'all' attacks, but the timeline has none")
        if side.name not in {*attacks, *models, "baseline", "all"}:
            raise ScenarioError(
                f"unknown name {side.name!r}: {suggest(side.name, {*attacks, *models, 'baseline', 'all'})}"
            )
        budgets = attacks[side.name].budgets if side.name in attacks else ()
        if side.queries is not None and side.queries not in budgets:
            known = f"it is judged after {', '.join(map(str, budgets))} queries per example" if budgets else ""
            raise ScenarioError(
                f"{side.name} has no {side.metric}: {known or 'only an attack with scores by queries does'}"
            )
    if isinstance(clause.right, Operand) and not clause.left.is_of_model:
        _check_truths(clause.left, clause.right, attacks)
    return clause


def _check_truths(left: Operand, right: Operand, attacks: Mapping[str, Attack]) -> None:
    """Of two attacks, or one and the baseline: that one can be subtracted from the other, example by example."""
    truths = [_truth_of(side.name, attacks) for side in (left, right)]
    if truths[0] != truths[1]:
        raise ScenarioError(
            f"{left.name} is judged on {truths[0]}, {right.name} on {truths[1]}: compare each with a number, or with "
            "an attack that is to find out the same"
        )


def _truth_of(name: str, attacks: Mapping[str, Attack]) -> str:
    """What an attack, or the baseline, is judged on: membership, or an attribute, which is of people."""
    folding = attacks[name].folding if name in attacks else None
    return f"the attribute {folding.attribute!r}" if folding and folding.attribute else "membership"
