"""A shadow model's own defences at prediction time, as the owner of the model under attack would fit them.

MemGuard, for one, is fitted on the answers about the training set and about examples that are not in it. The owner of
the model under attack takes its own; here they are the shadow's.
"""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from torch import nn

from leakdrill.data.digests import digest_of
from leakdrill.data.examples import Examples
from leakdrill.defences import Guard, guard
from leakdrill.defences.base import Defence, Owner, Scores
from leakdrill.models.cache import ModelCache
from leakdrill.models.training import predict, softmax
from leakdrill.seeds import derive
from leakdrill.shadows.pool import ShadowPool

#: Of the examples that a shadow was not trained on, those that its defence is fitted on, and no attack is tuned on:
#: the owner of the model under attack does not know the challenge's non-members either.
HELD_OUT = 0.2


def num_held_out(num_examples: int) -> int:
    """Of so many, at least one."""
    return max(1, round(HELD_OUT * num_examples))


def guard_shadow(
    defences: Sequence[Defence],
    pool: ShadowPool,
    shadow: int,
    network: nn.Module,
    held_out: Examples,
    cache: ModelCache | None,
) -> Guard | None:
    """What stands before that shadow of the pool, which `network` is; None without defences.

    `held_out` (N, ...) are examples that it was not trained on. What is fitted is kept in `cache`, if there is one.
    """
    if not defences:
        return None

    def scores(examples: Examples) -> Scores:
        return softmax(predict(network, examples.inputs)).astype(np.float64)

    made_of = {"guarded": pool.made_of(shadow), "held_out": digest_of(held_out)}
    with TemporaryDirectory(prefix="leakdrill-shadow-guard-") as directory:
        kept = cache or ModelCache(Path(directory))
        seed = derive(pool.seed, "defences", str(shadow))
        return guard(defences, Owner(lambda: (scores(pool.members(shadow)), scores(held_out)), made_of, seed, kept))
