"""Top k: only the largest scores."""

from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from leakdrill.defences.base import Defence, Keys, Scores


class TopK(Defence):
    """The k largest scores as they are; the others share equally what is left (Shokri et al. 2017, section VIII).

    That says what an API which lists its k best answers says: those scores, and so their sum, and nothing of the rest.
    With zeros for the rest the row would be no probability vector; scaled up to be one, k = 1 would always say 1.
    """

    kind: Literal["top_k"] = "top_k"
    k: int = Field(3, ge=1, description="as many as there are classes less one, or more, is no defence")
    keeps_argmax: ClassVar[bool] = True

    def defend(self, scores: Scores, keys: Keys) -> Scores:
        num_classes = scores.shape[1]
        if self.k >= num_classes:
            return scores
        order = np.argsort(-scores, axis=1, kind="stable")
        kept = np.take_along_axis(scores, order[:, : self.k], axis=1)
        left = np.maximum(1 - kept.sum(axis=1, keepdims=True), 0) / (num_classes - self.k)
        defended = np.repeat(np.minimum(left, kept[:, -1:]), num_classes, axis=1)
        np.put_along_axis(defended, order[:, : self.k], kept, axis=1)
        return defended
