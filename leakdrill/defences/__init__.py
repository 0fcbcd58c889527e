"""Defences at prediction time: one module each. A new one is a new file here and its name in `_Defence`; or anywhere
(leakdrill.plugins).

Answering with nothing but the label needs none of them: it is `outputs: [label]`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, TypeVar, get_args

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from leakdrill.defences.base import Answered, Defence, Defend, Keys, Owner, Scores
from leakdrill.defences.keyed import keys_of
from leakdrill.defences.memguard import MemGuard
from leakdrill.defences.memguard_strongest import MemGuardStrongest
from leakdrill.defences.output_noise import OutputNoise
from leakdrill.defences.purification import Purification
from leakdrill.defences.rounding import Rounding
from leakdrill.defences.temperature import Temperature
from leakdrill.defences.top_k import TopK
from leakdrill.errors import ScenarioError
from leakdrill.plugins import Kinds
from leakdrill.seeds import derive

_Defence = MemGuard | MemGuardStrongest | Purification | Rounding | TopK | OutputNoise | Temperature
DEFENCES: dict[str, type[_Defence]] = {each.model_fields["kind"].default: each for each in get_args(_Defence)}
DEFENCE_KINDS = Kinds("defence", "leakdrill.defences", Defence, DEFENCES)
DefenceSpec = Annotated[_Defence, Field(discriminator="kind"), DEFENCE_KINDS]

Float = TypeVar("Float", np.float32, np.float64)


@dataclass(frozen=True)
class Guard:
    """The defences of one public API, fitted."""

    defend: Defend
    keeps_argmax: bool
    secret: int  # what keys are made with
    is_fresh: bool = False  # whether asking again gives another answer

    def __call__(self, scores: NDArray[np.float32], inputs: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Defended scores (N, C) for the model's own, and the images (N, H, W, 3) they are of."""
        return self.defended(scores, keys_of(inputs, self.secret))

    def defended(self, scores: NDArray[np.float32], keys: Keys) -> NDArray[np.float32]:
        """The same for keys (N,) at hand."""
        defended = self.defend(scores.astype(np.float64), keys).astype(np.float32)
        return on_top(defended, scores.argmax(axis=1)) if self.keeps_argmax else defended


def guard(defences: Sequence[Defence], owner: Owner) -> Guard:
    """All of them, one after another, fitted on what the owner has. Raises ScenarioError where one is `misplaced`."""
    if wrong := misplaced(defences):
        raise ScenarioError(wrong)
    fitted = [(defence.keeps_argmax, defence.fitted(owner)) for defence in defences]

    def defend(scores: Scores, keys: Keys) -> Scores:
        for keeps_argmax, each in fitted:
            defended = each(scores, keys)
            scores = on_top(defended, scores.argmax(axis=1)) if keeps_argmax else defended
        return scores

    keeps_argmax = all(keeps_argmax for keeps_argmax, _ in fitted)
    is_fresh = any(defence.fresh_deviation for defence in defences)
    return Guard(defend, keeps_argmax, derive(owner.seed, "keys"), is_fresh)


def misplaced(defences: Sequence[Defence]) -> str | None:
    """What is wrong with their order, if anything: what is fitted is fitted on the model's own scores, and behind
    another defence it would be shown others."""
    for place, defence in enumerate(defences):
        if defence.is_fitted and place:
            return (
                f"{defence.kind} is fitted on the model's own scores, and behind {defences[place - 1].kind} it would "
                f"stand before others: put {defence.kind} first"
                + (", and leave one out" if defences[0].is_fitted else "")
            )
    return None


def guard_faces(defences: Sequence[Defence], answered: Answered, seed: int) -> Guard | None:
    """The same before embeddings or distances, where nothing has anything to fit; None where there is no defence."""
    made = [defence.before(answered) for defence in defences]

    def defend(numbers: Scores, keys: Keys) -> Scores:
        for each in made:
            numbers = each(numbers, keys)
        return numbers

    return Guard(defend, False, derive(seed, "keys", answered)) if made else None


def on_top(scores: NDArray[Float], top: NDArray[np.int64]) -> NDArray[Float]:
    """`scores` (N, C) with the class `top` (N,) made the largest, by the last bit, where rounding made another so."""
    rows = np.flatnonzero(scores.argmax(axis=1) != top)
    if rows.size:
        scores = scores.copy()
        scores[rows, top[rows]] = np.nextafter(scores[rows].max(axis=1), scores.dtype.type(2))
    return scores
