"""What each defence came to: the strongest attack that it stood against, and whether any of these expected it."""

from collections.abc import Mapping

from leakdrill.attacks.base import Attack
from leakdrill.results import AttackResult, DefenceResult
from leakdrill.scenario.schema import Scenario
from leakdrill.scenario.standing import Standing, standing


def defence_results(
    scenario: Scenario, played: Mapping[str, Attack], results: Mapping[str, AttackResult]
) -> list[DefenceResult]:
    """One for each defence of the scenario, of the attacks `played` and their `results`, by name."""
    return [_result(each, scenario, played, results) for each in standing(scenario)]


def _result(
    defence: Standing, scenario: Scenario, played: Mapping[str, Attack], results: Mapping[str, AttackResult]
) -> DefenceResult:
    victim = scenario.data.challenge.victim
    faced = {name: attack for name, attack in played.items() if defence.is_faced_by(attack, victim)}
    strongest = max((results[name] for name in faced), key=lambda result: result.auc.value, default=None)
    return DefenceResult(
        name=defence.name,
        kind=defence.kind,
        stage=defence.stage,
        party=defence.party,
        attacked_adaptively=any(attack.adapts_to(defence.defence, defence.stage) for attack in faced.values()),
        strongest=strongest and strongest.name,
        auc=strongest and strongest.auc,
        accuracy=strongest and strongest.accuracy,
    )
