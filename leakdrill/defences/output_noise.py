"""Noise on what an API answers."""

from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from leakdrill.defences.base import Answered, Defence, Defend, Keys, Scores
from leakdrill.defences.keyed import normals

SMALLEST = 1e-12  # a score that noise made negative counts as this


class OutputNoise(Defence):
    """Each number x drawn anew from N(x, eta x), then scaled as it was (FaceLeaks, section 7).

    Scores sum to one again, and embeddings have length 1; a distance has nothing to be scaled to, and one that became
    negative is 0. The deviation is relative: a class that was ruled out stays so. `fresh` noise differs every time the
    same example is asked about, and an adversary can average it away; otherwise it hangs on the example's bytes, and
    asking for the very same again is in vain.
    """

    kind: Literal["output_noise"] = "output_noise"
    eta: float = Field(0.1, ge=0, le=10, description="deviation over score; 0 is no defence")
    fresh: bool = Field(False, description="drawn anew at every question, rather than once for an example")
    keeps_argmax: ClassVar[bool] = False

    @property
    def fresh_deviation(self) -> float:
        return self.eta if self.fresh else 0.0

    def defend(self, scores: Scores, keys: Keys) -> Scores:
        if self.eta == 0:
            return scores
        noisy = np.maximum(self._noisy(scores, keys), SMALLEST)
        scaled: Scores = noisy / noisy.sum(axis=1, keepdims=True)
        return scaled

    @property
    def defends(self) -> frozenset[Answered]:
        return frozenset({"scores", "embedding", "distance"})

    def before(self, answered: Answered) -> Defend:
        return self._embedding if answered == "embedding" else self._distance

    def _embedding(self, vectors: Scores, keys: Keys) -> Scores:
        if self.eta == 0:
            return vectors
        noisy = self._noisy(vectors, keys)
        lengths = np.linalg.norm(noisy, axis=1, keepdims=True)
        scaled: Scores = noisy / np.where(lengths > 0, lengths, 1)
        return scaled

    def _distance(self, distances: Scores, keys: Keys) -> Scores:
        return np.maximum(self._noisy(distances, keys), 0) if self.eta else distances

    def _noisy(self, numbers: Scores, keys: Keys) -> Scores:
        noisy: Scores = numbers * (1 + self.eta * normals(keys, self.kind, numbers.shape[1]))
        return noisy
