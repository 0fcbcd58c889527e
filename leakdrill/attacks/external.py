"""The attack that a person plays, with tools of their own: the drill waits until its scores are handed in."""

from typing import ClassVar, Literal

from pydantic import Field

from leakdrill.attacks.base import EITHER, Access, Attack, Verdict, Victim, View
from leakdrill.errors import ScenarioError


class External(Attack):
    """In if the person who plays the adversary says so (unpublished: whatever they think of).

    The referee writes what the scenario grants into `player/` of the run's folder, waits for
    `leakdrill submit RUN scores.csv --name NAME`, and judges the scores as any attack's, with the queries that were
    counted meanwhile.
    """

    kind: Literal["external"] = "external"
    victims: ClassVar[frozenset[Victim]] = EITHER
    uses: tuple[Access, ...] = Field((), description="what the player will need, for the check of the threat model")
    wait_minutes: float = Field(60.0, gt=0, le=24 * 60, description="for the scores; then the drill is broken")

    @property
    def needs(self) -> frozenset[Access]:
        return frozenset(self.uses)

    def run(self, view: View) -> Verdict:
        """Raises ScenarioError: a person plays it, not the adversary's process."""
        raise ScenarioError(f"attack {self.name!r} is external: play it by leakdrill run, and hand in its scores")
