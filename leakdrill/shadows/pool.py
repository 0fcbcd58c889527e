"""Shadow models that every attack of a drill shares, trained once and kept on the adversary's disk.

A model is known by the hash of all that made it: the recipe, the digests of the examples it was trained on, and its
seed. Two attacks that plan the same model get the same one, and an adversary that was killed goes on where it was.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from leakdrill.data.examples import Examples
from leakdrill.models.cache import Meta, ModelCache, Weights
from leakdrill.models.training import Progress
from leakdrill.seeds import derive, numpy_generator
from leakdrill.shadows.recipes import KeepableRecipe
from leakdrill.shadows.workers import Report, Saved, load_examples, map_in_workers, save_examples


@dataclass(frozen=True)
class ShadowPool:
    """Which shadow is trained on what.

    Neither the order of `examples` nor what else they hold matters to a model: it is trained on its own examples in the
    order of their digests.
    """

    recipe: KeepableRecipe
    examples: Examples
    digests: NDArray[np.str_]  # (N,), see leakdrill.data.digests
    is_in: NDArray[np.bool_]  # (S, N): whether shadow s is trained on example n
    seed: int

    @property
    def num_shadows(self) -> int:
        return len(self.is_in)

    def made_of(self, shadow: int) -> dict[str, Any]:
        """The cache's key."""
        return {
            "shadow_model": self.recipe.made_of(),
            "seed": self._seed_of(shadow),
            "data": hashlib.sha256("".join(self.digests[self._rows_of(shadow)]).encode()).hexdigest(),
        }

    def members(self, shadow: int) -> Examples:
        """Its training set, in the order in which it sees them."""
        return self.examples.take(self._rows_of(shadow))

    def train(self, shadow: int) -> tuple[Weights, Meta]:
        """Raises what fitting a model raises."""
        model = self.recipe.make(self.members(shadow), self._seed_of(shadow))
        return model.state_dict(), {}

    def _seed_of(self, shadow: int) -> int:
        return derive(self.seed, "shadow", str(shadow))

    def _rows_of(self, shadow: int) -> NDArray[np.int64]:
        rows = np.flatnonzero(self.is_in[shadow])
        return rows[np.argsort(self.digests[rows], kind="stable")]


def random_halves(digests: NDArray[np.str_], num_pairs: int, seed: int) -> NDArray[np.bool_]:
    """(2 * num_pairs, N): shadow 2i is trained on a random half, shadow 2i + 1 on the other.

    So each example is in exactly half of the shadows (the code of Carlini et al. 2022 sees to that over all shadows
    together), and more pairs leave those before them as they are. Halves are of distinct examples: equal ones, which
    tables have, are in the same shadows, for a model that was trained on one was trained on all. Which half an example
    is in does not depend on the order in which they come.
    """
    distinct, number = np.unique(digests, return_inverse=True)
    is_in = np.empty((2 * num_pairs, len(digests)), dtype=np.bool_)
    for pair in range(num_pairs):
        in_first = np.zeros(len(distinct), dtype=np.bool_)
        in_first[numpy_generator(seed, "half", str(pair)).permutation(len(distinct))[: len(distinct) // 2]] = True
        is_in[2 * pair] = in_first[number]
        is_in[2 * pair + 1] = ~is_in[2 * pair]
    return is_in


def shadow_models(
    pool: ShadowPool, cache: ModelCache | None, num_workers: int, progress: Progress
) -> Iterator[nn.Sequential]:
    """Every model of the pool in turn, in evaluation mode. None that `cache` has is trained again.

    What is missing is trained on `num_workers` processes (1: in this one). Raises PartyUnavailable if one of them dies.
    """
    with TemporaryDirectory(prefix="leakdrill-shadows-") as directory:
        kept = cache or ModelCache(Path(directory, "models"))
        missing = [shadow for shadow in range(pool.num_shadows) if pool.made_of(shadow) not in kept]
        num_done, num_wanted = 0, len(missing)

        def report(num_done: int) -> None:
            progress(num_done / num_wanted, f"shadow model {num_done} of {num_wanted}")

        if min(num_workers, len(missing)) > 1:
            _train_in_workers(pool, missing, kept, min(num_workers, len(missing)), Path(directory), report)
            num_done, missing = len(missing), []
        for shadow in range(pool.num_shadows):
            weights, _, from_cache = kept.get_or_make(pool.made_of(shadow), lambda: pool.train(shadow))  # noqa: B023
            if not from_cache:
                num_done += 1
                num_wanted += shadow not in missing  # it was there, but damaged
                report(num_done)
            model = pool.recipe.blank()
            model.load_state_dict(weights)
            yield model.eval()


def _train_in_workers(
    pool: ShadowPool, shadows: list[int], cache: ModelCache, num_workers: int, directory: Path, report: Report
) -> None:
    files = save_examples(pool.examples, directory / "examples")
    arguments = (pool.recipe.portable(directory), files, pool.digests, pool.is_in, pool.seed, cache)
    map_in_workers(_train_here, shadows, num_workers, _load, arguments, report)


# In a worker process:


def _load(
    recipe: KeepableRecipe,
    files: Saved,
    digests: NDArray[np.str_],
    is_in: NDArray[np.bool_],
    seed: int,
    cache: ModelCache,
) -> tuple[ShadowPool, ModelCache]:
    return ShadowPool(recipe, load_examples(files), digests, is_in, seed), cache


def _train_here(pool_and_cache: tuple[ShadowPool, ModelCache], shadow: int) -> None:
    """Leaves the model on the disk, whole, even if the process that asked for it is killed in the meantime."""
    pool, cache = pool_and_cache
    cache.get_or_make(pool.made_of(shadow), lambda: pool.train(shadow))
