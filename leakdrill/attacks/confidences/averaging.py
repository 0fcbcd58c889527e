"""Asking about each example several times, and taking the mean of the answers."""

import math
from collections.abc import Callable

from pydantic import Field

from leakdrill.attacks.base import Attack
from leakdrill.defences.base import Defence, Stage
from leakdrill.oracles.averaging import Answer, mean_of
from leakdrill.spec import Spec

#: Of a score, the standard deviation that fresh noise may leave in a mean for it to count as averaged away.
NEGLIGIBLE = 0.01


class Averaging(Attack):
    """The base of attacks on scores that can ask again: the answer to noise which is drawn anew at every question.

    Noise that hangs on the example is the same every time, and so is its mean: asking again only costs. The attack
    counts as adaptive to fresh noise of deviation eta if it asks often enough to leave a hundredth of each score or
    less, eta / sqrt(average) <= 0.01: 100 times for the usual eta of 0.1.
    """

    average: int = Field(1, ge=1, le=10_000, description="times each example is asked about; the mean counts")

    def adapts_to(self, defence: Spec, stage: Stage) -> bool:
        fresh = defence.fresh_deviation if isinstance(defence, Defence) else 0.0
        sees_through = 0 < fresh <= NEGLIGIBLE * math.sqrt(self.average)
        return sees_through or super().adapts_to(defence, stage)

    def averaged(self, ask: Callable[[], Answer]) -> Answer:
        return mean_of(ask, self.average)
