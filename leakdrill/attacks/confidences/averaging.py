"""Asking about each example several times, and taking the mean of the answers."""

from collections.abc import Callable

from pydantic import Field

from leakdrill.attacks.base import Attack
from leakdrill.defences.base import Defence, Stage
from leakdrill.oracles.averaging import Answer, mean_of
from leakdrill.spec import Spec


class Averaging(Attack):
    """The base of attacks on scores that can ask again: the answer to noise which is drawn anew at every question.

    Noise that hangs on the example is the same every time, and so is its mean: asking again only costs.
    """

    average: int = Field(1, ge=1, le=10_000, description="times each example is asked about; the mean counts")

    def adapts_to(self, defence: Spec, stage: Stage) -> bool:
        sees_through = self.average > 1 and isinstance(defence, Defence) and defence.averages_away
        return sees_through or super().adapts_to(defence, stage)

    def averaged(self, ask: Callable[[], Answer]) -> Answer:
        return mean_of(ask, self.average)
