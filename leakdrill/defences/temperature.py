"""Temperature: a softer or a sharper softmax."""

from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from leakdrill.defences.base import Defence, Keys, Scores


class Temperature(Defence):
    """Softmax of the logits divided by the temperature (Shokri et al. 2017, section VIII).

    It is invertible: an attack that ranks by one score is not troubled, only thresholds tuned without it are.
    """

    kind: Literal["temperature"] = "temperature"
    temperature: float = Field(4.0, gt=0, le=1e6, description="1 is no defence; above it, closer to uniform")
    keeps_argmax: ClassVar[bool] = True

    def defend(self, scores: Scores, keys: Keys) -> Scores:
        if self.temperature == 1:
            return scores
        powers = (scores / scores.max(axis=1, keepdims=True)) ** (1 / self.temperature)
        softened: Scores = powers / powers.sum(axis=1, keepdims=True)
        return np.asarray(softened)
