"""The defences that stand in a scenario, which attacks each of them stands against, and which of these adapt to it.

A defence that was measured against nobody who expects it has not been measured: its makers choose it so that attacks of
before it fail. An attack says itself whether it adapts (`Attack.adapts_to`).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from leakdrill.attacks.base import FEATURE_EXTRACTOR, SOURCE_MODEL, Attack, Victim
from leakdrill.defences.base import Stage
from leakdrill.defences.known import KnownDefences
from leakdrill.scenario.schema import Scenario
from leakdrill.spec import Spec

PartyName = Literal["cbig", "csmall"]


@dataclass(frozen=True)
class Standing:
    """One defence, when it acts, and whose it is."""

    defence: Spec
    stage: Stage
    party: PartyName

    @property
    def kind(self) -> str:
        return str(getattr(self.defence, "kind"))  # noqa: B009 (the defences of the three stages share no base)

    def is_faced_by(self, attack: Attack, victim: Victim) -> bool:
        """Whether it stands between that attack and the members of the `victim`."""
        needs = attack.needs_on(victim)
        asks = {access.partition("/")[0] for access in needs if ":" in access}
        match self.stage:
            case "prediction":
                return self.party in asks
            case "release":
                return "csmall" in asks or bool({FEATURE_EXTRACTOR, SOURCE_MODEL} & needs)
            case "training":
                return victim.startswith(f"{self.party}/")


def standing(scenario: Scenario) -> Iterator[Standing]:
    """In the order in which they act."""
    for defence in getattr(scenario.cbig.source_model, "defences", ()):
        yield Standing(defence, "training", "cbig")
    for defence in getattr(scenario.cbig, "release_defences", ()):
        yield Standing(defence, "release", "cbig")
    yield from (Standing(defence, "prediction", "cbig") for defence in scenario.cbig.api.defences)
    yield from (Standing(defence, "prediction", "csmall") for defence in scenario.csmall.api.defences)


def defences_of_victim(scenario: Scenario) -> KnownDefences:
    """What `adversary.knows.defences` grants."""
    party = scenario.data.challenge.victim.partition("/")[0]
    return KnownDefences(prediction=tuple(getattr(scenario, party).api.defences))


def adaptive_to(attack: Attack, scenario: Scenario) -> list[str]:
    """The kinds of the defences that `attack` faces and adapts to, each once."""
    victim = scenario.data.challenge.victim
    faced = [each for each in standing(scenario) if each.is_faced_by(attack, victim)]
    return list(dict.fromkeys(each.kind for each in faced if attack.adapts_to(each.defence, each.stage)))
