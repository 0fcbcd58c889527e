"""Epoch after epoch of a descent: rate the model, keep the best weights, know when to stop."""

import math
from collections.abc import Callable

from torch import Tensor, nn

from leakdrill.errors import ScenarioError
from leakdrill.models.fit import Fit
from leakdrill.models.hooks import PLAIN, Hooks


def take_epochs(
    model: nn.Module,
    take_epoch: Callable[[], float],
    fit: Fit,
    score: Callable[[], float] | None = None,
    progress: Callable[[float, str], None] | None = None,
    hooks: Hooks = PLAIN,
) -> int:
    """Call `take_epoch`, which trains `model` for an epoch and returns the mean loss, until the fit or a hook ends it.

    Returns the epoch whose weights the model is left with: the best by `score`, without one the last.
    """
    best_epoch, best_score, best_weights = 0, -math.inf, None
    for epoch in range(1, fit.epochs + 1):
        model.train()
        loss = take_epoch()
        if not math.isfinite(loss):
            raise ScenarioError(
                f"training diverged: the loss is {loss} in epoch {epoch} of {fit.epochs}; "
                f"lower the fit's learning_rate, now {fit.learning_rate:g}"
            )
        message = f"epoch {epoch} of {fit.epochs}: loss {loss:.3f}"
        if score is not None:
            rating = score()
            message += f", validation accuracy {rating:.3f}"
            if rating > best_score:
                best_epoch, best_score, best_weights = epoch, rating, _snapshot(model)
        if progress is not None:
            progress(epoch / fit.epochs, message)
        if hooks.is_over(epoch, best_epoch):
            break
    if best_weights is not None:
        model.load_state_dict(best_weights)
    model.eval()
    return best_epoch or epoch


def _snapshot(model: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}
