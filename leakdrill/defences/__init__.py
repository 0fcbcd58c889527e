"""Defences at prediction time: one module each. A new one is a new file here and its name in `_Defence`; or anywhere
(leakdrill.plugins).

Answering with nothing but the label needs none of them: it is `outputs: [label]`.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Protocol, TypeVar, get_args

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


class Guarded(Protocol):
    def __call__(self, scores: Scores, keys: Keys, questions: Keys | None = None) -> Scores:
        """Several defences, one after another. `questions` (N,) are numbers on which noise hangs that is to be fresh,
        so that a question that is answered again, after an API has started anew, is answered alike; None: counted."""


@dataclass(frozen=True)
class Guard:
    """The defences of one public API, fitted."""

    defend: Guarded
    keeps_argmax: bool
    secret: int  # what keys are made with
    is_fresh: bool = False  # whether asking again gives another answer

    def __call__(
        self, scores: NDArray[np.float32], inputs: NDArray[np.uint8], questions: Keys | None = None
    ) -> NDArray[np.float32]:
        """Defended scores (N, C) for the model's own, and the images (N, H, W, 3) they are of."""
        return self.defended(scores, keys_of(inputs, self.secret), questions)

    def defended(self, scores: NDArray[np.float32], keys: Keys, questions: Keys | None = None) -> NDArray[np.float32]:
        """The same for keys (N,) at hand."""
        defended = self.defend(scores.astype(np.float64), keys, questions).astype(np.float32)
        return on_top(defended, scores.argmax(axis=1)) if self.keeps_argmax else defended


def guard(defences: Sequence[Defence], owner: Owner) -> Guard:
    """All of them, one after another, fitted on what the owner has. Raises ScenarioError where one is `misplaced`."""
    if wrong := misplaced(defences):
        raise ScenarioError(wrong)
    fitted = [_on_top(defence.fitted(owner)) if defence.keeps_argmax else defence.fitted(owner) for defence in defences]
    keeps_argmax = all(defence.keeps_argmax for defence in defences)
    return Guard(_in_turn(defences, fitted), keeps_argmax, derive(owner.seed, "keys"), _is_fresh(defences))


def _on_top(defend: Defend) -> Defend:
    return lambda scores, keys: on_top(defend(scores, keys), scores.argmax(axis=1))


def _in_turn(defences: Sequence[Defence], made: Sequence[Defend]) -> Guarded:
    asked = itertools.count()

    def defend(scores: Scores, keys: Keys, questions: Keys | None = None) -> Scores:
        if questions is None:
            questions = np.fromiter(itertools.islice(asked, len(keys)), np.uint64, len(keys))
        for defence, each in zip(defences, made, strict=True):
            scores = each(scores, keys + questions if defence.fresh_deviation else keys)
        return scores

    return defend


def _is_fresh(defences: Sequence[Defence]) -> bool:
    return any(defence.fresh_deviation for defence in defences)


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
    made = _in_turn(defences, [defence.before(answered) for defence in defences])
    return Guard(made, False, derive(seed, "keys", answered), _is_fresh(defences)) if defences else None


def on_top(scores: NDArray[Float], top: NDArray[np.int64]) -> NDArray[Float]:
    """`scores` (N, C) with the class `top` (N,) made the largest, by the last bit, where rounding made another so."""
    rows = np.flatnonzero(scores.argmax(axis=1) != top)
    if rows.size:
        scores = scores.copy()
        scores[rows, top[rows]] = np.nextafter(scores[rows].max(axis=1), scores.dtype.type(2))
    return scores
