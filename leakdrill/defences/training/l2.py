"""L2 regularisation (Label-Only, appendix E)."""

from typing import Literal

from pydantic import Field

from leakdrill.defences.training.base import TrainingDefence
from leakdrill.models.fit import Fit


class L2(TrainingDefence):
    """Smaller weights: half of `strength` times their squared L2 norm is added to the loss (Label-Only, appendix E).

    That is weight decay; it adds to the decay that the fit has anyway. The paper adds the norm itself, with a lambda
    that is therefore not comparable.
    """

    kind: Literal["l2"] = "l2"
    strength: float = Field(0.05, ge=0, le=10, description="lambda; 0 is no defence")

    def changed_fit(self, fit: Fit) -> Fit:
        if self.strength == 0:
            return fit
        return fit.model_copy(update={"weight_decay": fit.weight_decay + self.strength})
