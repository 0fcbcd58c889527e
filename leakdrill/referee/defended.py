"""What each defence came to: the strongest attack that it stood against, and whether any of these expected it."""

from collections.abc import Mapping, Sequence

from leakdrill.attacks.base import Attack
from leakdrill.results import AttackResult, DefenceResult
from leakdrill.scenario.schema import Scenario
from leakdrill.scenario.standing import Standing, standing
from leakdrill.scenario.steps import DefendStep


def defence_results(
    scenario: Scenario,
    switched: Sequence[Scenario],
    in_force: Mapping[str, Scenario],
    played: Mapping[str, Attack],
    results: Mapping[str, AttackResult],
) -> list[DefenceResult]:
    """One for each defence that ever stood there, of the attacks `played` and their `results`, by name.

    switched: the scenario as each `defend` that was played left it. in_force: as it was at each attack, by the attack's
    name. What is switched in again is another's.
    """
    found: dict[int, Standing] = {}  # a `defend` that leaves a defence where it was names it anew: it counts as new
    since: dict[int, int] = {}
    for now in (scenario.model_copy(update={"timeline": []}), *switched):
        step = _switched_at(now)
        for each in standing(now):
            found.setdefault(id(each.defence), each)
            since.setdefault(id(each.defence), step.get(each.party, 0) if each.stage == "prediction" else 0)
    at = {name: {id(each.defence) for each in standing(now)} for name, now in in_force.items()}
    return [
        _result(each, since[key], scenario, {name: played[name] for name in played if key in at[name]}, results)
        for key, each in found.items()
    ]


def _switched_at(scenario: Scenario) -> dict[str, int]:
    """The number of the latest `defend` of each party, from 1."""
    steps = enumerate(scenario.timeline, start=1)
    return {step.defend.party: number for number, step in steps if isinstance(step, DefendStep)}


def _result(
    defence: Standing,
    since: int,
    scenario: Scenario,
    stood_against: Mapping[str, Attack],
    results: Mapping[str, AttackResult],
) -> DefenceResult:
    victim = scenario.data.challenge.victim
    faced = {name: attack for name, attack in stood_against.items() if defence.is_faced_by(attack, victim)}
    strongest = max((results[name] for name in faced), key=lambda result: result.auc.value, default=None)
    return DefenceResult(
        name=defence.name,
        kind=defence.kind,
        stage=defence.stage,
        party=defence.party,
        since=since,
        attacked_adaptively=any(attack.adapts_to(defence.defence, defence.stage) for attack in faced.values()),
        strongest=strongest and strongest.name,
        auc=strongest and strongest.auc,
        accuracy=strongest and strongest.accuracy,
    )
