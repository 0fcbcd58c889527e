"""Where a descent lets others in: what a defence at training time changes beside the settings of the fit."""

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor, nn

#: What is added to a batch's mean loss, a scalar, from the learner's inputs (B, ...) and labels (B,).
Penalty = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Hooks:
    """By default nothing is changed, to the last bit."""

    label_smoothing: float = 0.0
    penalty: Penalty | None = None
    on_gradient: Callable[[nn.Module], None] | None = None  # changes the parameters' `grad` before each step
    last_epoch: int | None = None  # stop after it, on the schedule of all of the fit's epochs
    patience: int | None = None  # stop after so many epochs without a better score

    def is_over(self, epoch: int, best_epoch: int) -> bool:
        """Whether training ends with this epoch; `best_epoch`: 0 where epochs are not rated."""
        if self.last_epoch is not None and epoch >= self.last_epoch:
            return True
        return self.patience is not None and best_epoch > 0 and epoch - best_epoch >= self.patience


PLAIN = Hooks()
