"""One attack judged: what it said beside the truth, reduced to what a report says of it. It needs no examples."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from leakdrill.attacks.base import Attack, Verdict
from leakdrill.metrics import Judged, attack_result
from leakdrill.referee.folds import Bools, Folded, Rows, abstained, by_fold
from leakdrill.referee.question import graded
from leakdrill.referee.truth import Truth
from leakdrill.referee.within import within_queries
from leakdrill.results import AttackResult
from leakdrill.scenario.schema import Scenario
from leakdrill.scenario.standing import adaptive_to

#: In the notes of an attack that said something of members alone, or of others alone.
ONE_KIND = "all it said something of are of one kind: here are all, those that it abstained from as it scored them"


@dataclass(frozen=True)
class JudgedAttack:
    """`judged` and `within` (by queries per example) are what expectations are decided by, if it `is_comparable`."""

    result: AttackResult
    judged: Judged
    within: dict[int, Judged]
    units: Rows  # what each row of `judged` is about: a position in the challenge, or a person
    is_comparable: bool


def judge_attack(
    attack: Attack,
    verdicts: Sequence[Verdict],
    asked: tuple[Bools, Bools],
    scenario: Scenario,
    truth: Truth,
    queries: Mapping[str, int],
    seconds: float,
    folds: Folded | None = None,
) -> JudgedAttack:
    """An attack judged over its repeats; the notes are those of the first. `folds`: where it was played so.

    asked: what it was to find out (N,), and where that is known (N,): leakdrill.referee.question.
    """
    is_so, is_known = asked
    judged = Judged(
        np.stack([said.scores for said in verdicts]),
        np.stack([said.decisions for said in verdicts]),
        is_so,
        truth.labels,
        folds.design_effect if folds else 1.0,
    )
    within = within_queries(attack, verdicts, judged, queries.get(scenario.data.challenge.victim, 0))
    num_units = len(is_so)
    kept, is_comparable = _kept(is_known, abstained(verdicts), is_so)
    if len(kept) < len(is_so):
        judged, within = judged.take(kept), {num: then.take(kept) for num, then in within.items()}
    examples = None
    if scenario.data.challenge.members_by == "identity" or attack.goal == "attribute":
        num_units = len(np.unique(truth.labels))
        examples, judged = judged, judged.of_classes()
        within = {num: then.of_classes() for num, then in within.items()}
    result = attack_result(
        judged,
        examples=examples,
        num_excluded=num_units - len(judged.is_member),
        folds=None if folds is None else by_fold(attack, examples or judged, folds.numbers[kept]),
        name=attack.name,
        kind=attack.kind,
        goal=attack.goal,
        on=scenario.data.challenge.victim,
        queries=queries,
        cost=_cost(queries, scenario),
        within=within,
        adaptive_to=adaptive_to(attack, scenario),
        notes=graded(verdicts[0].notes, truth.labels) | ({} if is_comparable else {"judged": ONE_KIND}),
        seconds=seconds,
    )
    return JudgedAttack(result, judged, within, kept if examples is None else judged.labels, is_comparable)


def _cost(queries: Mapping[str, int], scenario: Scenario) -> float:
    """What so many examples of each model cost, by its owner's price per thousand."""
    apis = {"cbig": scenario.cbig.api, "csmall": scenario.csmall.api}
    return sum(count * apis[model.partition("/")[0]].price_per_thousand / 1000 for model, count in queries.items())


def _kept(is_known: Bools, is_abstained: Bools, truth: Bools) -> tuple[Rows, bool]:
    """Positions of what is judged, and whether an expectation may be decided by it.

    It may not where all that the attack has something to say of are of one kind: then abstentions are overlooked.
    """
    said = is_known & ~is_abstained
    if is_abstained.any() and len(np.unique(truth[said])) < 2:
        return np.flatnonzero(is_known), False
    return np.flatnonzero(said), True
