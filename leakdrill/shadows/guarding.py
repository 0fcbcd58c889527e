"""A shadow model's own defences at prediction time, as the owner of the model under attack would fit them.

MemGuard, for one, is fitted on the answers about the training set and about examples that are not in it. The owner of
the model under attack takes its own; here they are the shadow's.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from leakdrill.data.examples import Examples
from leakdrill.defences import Guard, guard
from leakdrill.defences.base import Defence, Owner, Scores
from leakdrill.models.cache import ModelCache
from leakdrill.models.training import predict, softmax
from leakdrill.seeds import derive
from leakdrill.shadows.beside import Beside
from leakdrill.shadows.pool import ShadowPool

#: Of the examples that a shadow was not trained on, those that its defence is fitted on, and no attack is tuned on:
#: the owner of the model under attack does not know the challenge's non-members either.
HELD_OUT = 0.2


def num_held_out(num_examples: int) -> int:
    """Of so many, at least one."""
    return max(1, round(HELD_OUT * num_examples))


@dataclass(frozen=True)
class ShadowOwner:
    """Who owns a shadow model and defends it, and can fit defences on its answers."""

    network: nn.Module
    members: Callable[[], Examples]
    held_out: Beside  # that it was not trained on
    made_of: Mapping[str, Any]  # JSON-able: all that made the network
    seed: int

    def guarded(self, defences: Sequence[Defence], cache: ModelCache | None) -> Guard | None:
        """What stands before the network; None without defences. What is fitted is kept in `cache`, if there is one."""
        if not defences:
            return None
        made_of = {"guarded": dict(self.made_of), "held_out": self.held_out.digest}
        with TemporaryDirectory(prefix="leakdrill-shadow-guard-") as directory:
            kept = cache or ModelCache(Path(directory))
            return guard(defences, Owner(self._answers, made_of, self.seed, kept))

    def _answers(self) -> tuple[Scores, Scores]:
        return self._scores(self.members()), self._scores(self.held_out.examples)

    def _scores(self, examples: Examples) -> Scores:
        return softmax(predict(self.network, examples.inputs)).astype(np.float64)


def guard_shadow(
    defences: Sequence[Defence],
    pool: ShadowPool,
    shadow: int,
    network: nn.Module,
    held_out: Beside,
    cache: ModelCache | None,
) -> Guard | None:
    """What stands before that shadow of the pool, which `network` is."""
    members, seed = partial(pool.members, shadow), derive(pool.seed, "guard", str(shadow))
    return ShadowOwner(network, members, held_out, pool.made_of(shadow), seed).guarded(defences, cache)


def shown_scores(network: nn.Module, guard: Guard | None, inputs: NDArray[Any]) -> NDArray[np.float32]:
    """(N, C), as the API of a shadow model would give them."""
    scores = softmax(predict(network, inputs))
    return guard(scores, inputs) if guard else scores
