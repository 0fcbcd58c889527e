"""The defences that stand in a scenario, which attacks each of them stands against, and which of these adapt to it.

A defence that was measured against nobody who expects it has not been measured: its makers choose it so that attacks of
before it fail. An attack says itself whether it adapts (`Attack.adapts_to`).
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from leakdrill.attacks.base import FEATURE_EXTRACTOR, SOURCE_MODEL, Attack, Victim
from leakdrill.defences.base import Defence, Stage
from leakdrill.defences.known import KnownDefences
from leakdrill.defences.release.base import ReleaseDefence
from leakdrill.defences.training.base import TrainingDefence
from leakdrill.scenario.schema import Scenario

PartyName = Literal["cbig", "csmall"]
AnyDefence = TrainingDefence | ReleaseDefence | Defence


@dataclass(frozen=True)
class Standing:
    """One defence, when it acts, and whose it is."""

    name: str  # of no other in its scenario: its kind, if that will do
    defence: AnyDefence
    stage: Stage
    party: PartyName

    @property
    def kind(self) -> str:
        return self.defence.kind

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
    places: list[tuple[PartyName, Stage, Sequence[AnyDefence]]] = [
        ("cbig", "training", scenario.cbig.source_model.defences),
        ("cbig", "release", scenario.cbig.release_defences),
        ("cbig", "prediction", scenario.cbig.api.defences),
        ("csmall", "prediction", scenario.csmall.api.defences),
    ]
    everywhere = Counter(defence.kind for _, _, defences in places for defence in defences)
    for party, stage, defences in places:
        here, so_far = Counter(defence.kind for defence in defences), Counter[str]()
        for defence in defences:
            kind = defence.kind
            so_far[kind] += 1
            number = f" {so_far[kind]}" if here[kind] > 1 else ""
            name = kind if everywhere[kind] == 1 else f"{party} {stage} {kind}{number}"
            yield Standing(name, defence, stage, party)


def defences_of_victim(scenario: Scenario) -> KnownDefences:
    """What `adversary.knows.defences` grants."""
    if scenario.data.challenge.victim == "csmall/recognition":
        return KnownDefences(prediction=tuple(scenario.csmall.api.defences))
    cbig = scenario.cbig
    return KnownDefences(training=tuple(cbig.source_model.defences), prediction=tuple(cbig.api.defences))


def knows_public(scenario: Scenario) -> bool:
    """Whether the adversary is dealt cbig's public examples, which a defence that it knows starts from."""
    return scenario.adversary.knows.defences and defences_of_victim(scenario).need_public


def adaptive_to(attack: Attack, scenario: Scenario) -> list[str]:
    """The names of the defences that `attack` faces and adapts to."""
    victim = scenario.data.challenge.victim
    faced = [each for each in standing(scenario) if each.is_faced_by(attack, victim)]
    return [each.name for each in faced if attack.adapts_to(each.defence, each.stage)]
