"""Rounding: fewer digits."""

from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from leakdrill.defences.base import Defence, Keys, Scores


class Rounding(Defence):
    """Scores of so many decimals that still sum to one (Shokri et al. 2017, section VIII).

    By largest remainders: every score is rounded down, and the units missing from the sum go to those that lost most.
    A larger score never becomes the smaller one, but near equals become equal: then the first of them is the label.
    """

    kind: Literal["rounding"] = "rounding"
    decimals: int = Field(2, ge=1, le=6)
    keeps_argmax: ClassVar[bool] = False

    def defend(self, scores: Scores, keys: Keys) -> Scores:
        one = 10**self.decimals
        units = scores * (one / scores.sum(axis=1, keepdims=True))
        whole = np.floor(units)
        missing = one - whole.sum(axis=1, keepdims=True)  # below C
        places = np.argsort(np.argsort(whole - units, axis=1, kind="stable"), axis=1, kind="stable")
        rounded: Scores = (whole + (places < missing)) / one
        return rounded
