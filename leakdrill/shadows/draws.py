"""What each shadow model is trained and tested on (TransMIA, sections 4.2 and 5.2: "randomly selecting").

Draws are made without replacement inside one shadow and independently between shadows, so the sets of different
shadows may intersect, as in the paper.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from leakdrill.data.examples import Examples
from leakdrill.errors import ScenarioError
from leakdrill.seeds import numpy_generator

Answers = NDArray[np.float32]


@dataclass(frozen=True)
class Draws:
    """Row i belongs to shadow i: the indices of its own training and test examples in the two shadow pools."""

    train: NDArray[np.int64]  # (S, n): D_shadow^{train,i}
    test: NDArray[np.int64]  # (S, n): D_shadow^{test,i}

    @property
    def num_shadows(self) -> int:
        return len(self.train)


@dataclass(frozen=True)
class Records:
    """D_attack^train, without the images: what the shadows answered about examples they saw and did not see."""

    scores: NDArray[np.float32]  # (R, C): f_shadow(x)
    labels: NDArray[np.int64]  # (R,): y
    is_member: NDArray[np.bool_]  # (R,): of the training set of the shadow that answered

    @classmethod
    def of(cls, seen: Answers, unseen: Answers, train: Examples, test: Examples, draws: Draws) -> "Records":
        """From the scores (S, n, C) that each shadow gave its own training (seen) and test examples (unseen)."""
        scores = np.concatenate([seen.reshape(-1, seen.shape[-1]), unseen.reshape(-1, unseen.shape[-1])])
        labels = np.concatenate([train.labels[draws.train.ravel()], test.labels[draws.test.ravel()]])
        return cls(scores, labels, np.arange(len(labels)) < draws.train.size)


def draw_shadow_sets(train: Examples, test: Examples, num_shadows: int, shadow_size: int, seed: int) -> Draws:
    """`shadow_size` examples of each pool for every shadow. Raises ScenarioError when a pool is smaller than that.

    Shadow i's draw depends on the seed and on i alone, so more shadows keep the draws of the first ones.
    """
    _check_size(shadow_size, len(train), "shadow_train")
    _check_size(shadow_size, len(test), "shadow_test")
    generators = [numpy_generator(seed, "draw", str(shadow)) for shadow in range(num_shadows)]
    return Draws(
        train=np.stack([generator.permutation(len(train))[:shadow_size] for generator in generators]),
        test=np.stack([generator.permutation(len(test))[:shadow_size] for generator in generators]),
    )


def _check_size(shadow_size: int, pool_size: int, pool: str) -> None:
    if shadow_size > pool_size:
        raise ScenarioError(
            f"shadow_size {shadow_size:,} exceeds the {pool_size:,} {pool} examples: "
            f"lower it or raise data.splits.{pool}"
        )
