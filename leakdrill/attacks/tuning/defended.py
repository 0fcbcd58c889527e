"""What attacks with shadow models have in common that expect a defence: their shadow models run it, too."""

from pydantic import Field

from leakdrill.attacks.base import DEFENCES, Access, Attack, View
from leakdrill.defences.base import Stage
from leakdrill.defences.known import KnownDefences
from leakdrill.spec import Spec


class OnShadows(Attack):
    """The base of attacks that are tuned on shadow models."""

    defended_shadows: bool = Field(
        False, description="shadow models run the defences of the model under attack, which the adversary must know"
    )

    @property
    def needs(self) -> frozenset[Access]:
        return frozenset({DEFENCES} if self.defended_shadows else ())

    def adapts_to(self, defence: Spec, stage: Stage) -> bool:
        return (self.defended_shadows and stage != "release") or super().adapts_to(defence, stage)

    def shadow_defences(self, view: View) -> KnownDefences:
        """Those that its shadow models run. Raises ScenarioError where they are to, and were not granted."""
        return view.known_defences() if self.defended_shadows else KnownDefences()
