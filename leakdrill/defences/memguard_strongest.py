"""MemGuard without a budget: nothing is left but the label."""

from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from leakdrill.defences.base import Defence, Keys, Scores


class MemGuardStrongest(Defence):
    """MemGuard's strongest form: the top class just above uniform, all others equal (Label-Only, section 5.3).

    Two answers with the same top class are the same: what is left to attack is the label, and that is not defended.
    It needs no membership network: no noise can say less while it keeps the label.
    """

    kind: Literal["memguard_strongest"] = "memguard_strongest"
    margin: float = Field(1e-3, ge=1e-5, le=0.5, description="of the top class above 1/C, at most the rest's whole")
    keeps_argmax: ClassVar[bool] = True

    def defend(self, scores: Scores, keys: Keys) -> Scores:
        num_rows, num_classes = scores.shape
        margin = min(self.margin, 1 - 1 / num_classes)
        defended = np.full(scores.shape, 1 / num_classes - margin / (num_classes - 1))
        defended[np.arange(num_rows), scores.argmax(axis=1)] = 1 / num_classes + margin
        return defended
