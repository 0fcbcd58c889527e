"""Whether a model is right about random copies of an example, made as a training pipeline would have made them."""

import hashlib
from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from leakdrill.attacks.augmentation import Augmentation, Magnitude
from leakdrill.data.examples import Examples
from leakdrill.models.augment import Change
from leakdrill.seeds import numpy_generator


class RandomAugmentation(Augmentation):
    """In if random copies are labelled rightly, too (Choquette-Choo et al. 2021, section 6.1; FixMatch's pipeline).

    A weak copy is mirrored or not and shifted by up to 4 pixels each way; a strong one has a hole cut out as well
    (DeVries and Taylor 2017), and `auto` chooses between them on the adversary's own shadow models. Each example has
    copies of its own, drawn from its content. So nothing tells one copy from another, and what the attack model is
    shown is whether the image itself is right, and the share of its copies that are.

    Where we depart: the paper speaks of "vertical flips", where FixMatch mirrors left and right, as we do. What moves
    in from outside repeats the edge, where FixMatch mirrors it.
    """

    kind: Literal["random_augmentation"] = "random_augmentation"
    queries_per_example: int = Field(1000, ge=2, description="the image itself, and its copies (figure 4)")
    strength: Literal["weak", "strong", "auto"] = "auto"
    flip: bool = True
    shift: int = Field(4, ge=0, le=64, description="pixels at most, down or up, and right or left")
    cutout: int | None = Field(None, ge=1, description="pixels a side of the hole; default: half of the image's")
    tuning_examples: int = Field(
        100, ge=1, description="members of each shadow model to tune on, and as many others, each at the full budget"
    )

    @property
    def magnitudes(self) -> Sequence[str]:
        return ("weak", "strong") if self.strength == "auto" else (self.strength,)

    def num_copies(self, magnitude: Magnitude) -> int:
        return self.queries_per_example

    def copies(self, examples: Examples, magnitude: Magnitude, seed: int) -> NDArray[np.uint8]:
        drawn = [
            self._draw(numpy_generator(seed, hashlib.sha256(image.tobytes()).hexdigest(), str(label)))
            for image, label in zip(examples.inputs, examples.labels, strict=True)
        ]
        mirrored, moved, holes = (np.concatenate(parts) for parts in zip(*drawn, strict=True))
        height = examples.inputs.shape[1]
        change = Change(
            mirrored if self.flip else None,
            moved if self.shift else None,
            holes if magnitude == "strong" else None,
            self.cutout or height // 2,
        )
        num_changed = self.queries_per_example - 1
        changed = change.apply(np.repeat(examples.inputs, num_changed, axis=0))
        changed = changed.reshape(len(examples), num_changed, *examples.inputs.shape[1:])
        return np.concatenate([examples.inputs[:, np.newaxis], changed], axis=1)

    def records(self, right: NDArray[np.bool_]) -> NDArray[np.float64]:
        return np.stack([right[:, 0].astype(np.float64), right[:, 1:].mean(axis=1)], axis=1)

    def _draw(self, generator: np.random.Generator) -> tuple[NDArray[np.bool_], NDArray[np.int64], NDArray[np.float64]]:
        """Of one example's copies: whether it is mirrored, how far it is moved, and where its hole is (see Change)."""
        num_changed = self.queries_per_example - 1
        return (
            generator.random(num_changed) < 0.5,
            generator.integers(-self.shift, self.shift, (num_changed, 2), endpoint=True),
            generator.random((num_changed, 2)),
        )
