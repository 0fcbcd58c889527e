"""Noise on the scores."""

import itertools
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from leakdrill.defences.base import Defence, Defend, Keys, Owner, Scores
from leakdrill.defences.keyed import normals

SMALLEST = 1e-12  # a score that noise made negative counts as this


class OutputNoise(Defence):
    """Each score x drawn anew from N(x, eta x), then scaled so that they sum to one.

    The deviation is relative: a class that was ruled out stays so. `fresh` noise differs every time the same example is
    asked about, and an adversary can average it away; otherwise it hangs on the example, and asking again is in vain.
    """

    kind: Literal["output_noise"] = "output_noise"
    eta: float = Field(0.1, ge=0, le=10, description="deviation over score; 0 is no defence")
    fresh: bool = Field(False, description="drawn anew at every question, rather than once for an example")
    keeps_argmax: ClassVar[bool] = False

    def defend(self, scores: Scores, keys: Keys) -> Scores:
        if self.eta == 0:
            return scores
        noisy = np.maximum(scores * (1 + self.eta * normals(keys, self.kind, scores.shape[1])), SMALLEST)
        scaled: Scores = noisy / noisy.sum(axis=1, keepdims=True)
        return scaled

    def fitted(self, owner: Owner) -> Defend:
        if not self.fresh:
            return self.defend
        asked = itertools.count()  # examples so far

        def defend(scores: Scores, keys: Keys) -> Scores:
            ordinals = np.fromiter(itertools.islice(asked, len(keys)), np.uint64, len(keys))
            return self.defend(scores, keys + ordinals)

        return defend
