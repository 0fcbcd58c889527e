"""What is judged: an attack's scores and decisions beside the truth, which only the referee has."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from leakdrill.errors import InvalidInput

_MIXED = 1e-9  # a rounding error is no member


@dataclass(frozen=True)
class Judged:
    """R repeats of one attack on one challenge of N examples.

    scores (R, N) float64, higher = more likely member; decisions (R, N) bool; is_member (N,) bool; labels (N,) int64.
    design_effect: how many times the variance of independent examples an estimate from these has; more than 1 where
    what one example is scored by was learnt from others that are judged, too (leakdrill.referee.folds).
    Raises InvalidInput for shapes that do not fit, scores that are not finite, or a truth of one kind only.
    """

    scores: NDArray[np.float64]
    decisions: NDArray[np.bool_]
    is_member: NDArray[np.bool_]
    labels: NDArray[np.int64]
    design_effect: float = 1.0

    def __post_init__(self) -> None:
        num_examples = len(self.is_member)
        shapes = {"scores": self.scores.shape, "decisions": self.decisions.shape, "labels": self.labels.shape}
        num_repeats = self.scores.shape[0] if self.scores.ndim == 2 else 0
        wanted = {"scores": (num_repeats, num_examples), "decisions": (num_repeats, num_examples)}
        if shapes != wanted | {"labels": (num_examples,)} or num_repeats < 1:
            raise InvalidInput(f"got {shapes}, wanted scores and decisions (repeats, {num_examples}), a label for each")
        if not np.isfinite(self.scores).all():
            num_bad = int((~np.isfinite(self.scores)).sum())
            raise InvalidInput(
                f"{num_bad} of {self.scores.size} scores are NaN or infinite: every example needs a score"
            )
        if self.num_members in (0, num_examples):
            raise InvalidInput(f"{self.num_members} of {num_examples} examples are members: nothing to tell apart")

    @property
    def num_repeats(self) -> int:
        return len(self.scores)

    @property
    def num_members(self) -> int:
        return int(self.is_member.sum())

    @property
    def num_non_members(self) -> int:
        return len(self.is_member) - self.num_members

    def take(self, positions: NDArray[np.int64]) -> "Judged":
        """The same judgement of some of the examples."""
        return Judged(
            self.scores[:, positions],
            self.decisions[:, positions],
            self.is_member[positions],
            self.labels[positions],
            self.design_effect,
        )

    def of_classes(self) -> "Judged":
        """One row for each class, in the order of its label: the mean of its scores, and what most decisions say.

        Fifty photos of one person are one sample. Raises InvalidInput for a class that is not wholly in or out.
        """
        classes, index, sizes = np.unique(self.labels, return_inverse=True, return_counts=True)
        of_class = np.eye(len(classes))[index]  # (N, C); divided last, so that equal scores stay equal
        are_members = self.is_member @ of_class / sizes
        if mixed := int(((are_members > _MIXED) & (are_members < 1 - _MIXED)).sum()):
            raise InvalidInput(f"{mixed} of {len(classes)} classes have members and non-members, wanted whole classes")
        scores, decisions = self.scores @ of_class / sizes, self.decisions @ of_class / sizes > 1 / 2
        return Judged(scores, decisions, are_members > 1 / 2, classes, self.design_effect)
