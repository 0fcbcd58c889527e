"""Asking about each example several times, and taking the mean of the answers."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from leakdrill.attacks.base import Attack
from leakdrill.defences.base import Defence, Stage
from leakdrill.spec import Spec

Answer = NDArray[np.float32]


class Averaging(Attack):
    """The base of attacks on scores that can ask again: the answer to noise which is drawn anew at every question.

    Noise that hangs on the example is the same every time, and so is its mean: asking again only costs.
    """

    average: int = Field(1, ge=1, le=10_000, description="times each example is asked about; the mean counts")

    def adapts_to(self, defence: Spec, stage: Stage) -> bool:
        sees_through = self.average > 1 and isinstance(defence, Defence) and defence.averages_away
        return sees_through or super().adapts_to(defence, stage)

    def averaged(self, ask: Callable[[], Answer]) -> Answer:
        """The mean of `average` answers (N, C); equal ones come out as they are, bit for bit."""
        total = ask().astype(np.float64)
        for _ in range(self.average - 1):
            total += ask()
        return (total / self.average).astype(np.float32)
