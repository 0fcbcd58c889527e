"""What a defence at prediction time is: a frozen spec whose fields are its YAML, and one method, `defend`.

It stands between a model's softmax and what its public API answers, in the process of the company that owns the model.
Some can stand before a face service's embeddings or distances too (FaceLeaks, section 7).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from leakdrill.errors import ScenarioError
from leakdrill.models.cache import ModelCache
from leakdrill.results import Stage as Stage  # which every command imports, and so must not import what is here
from leakdrill.spec import Spec

Scores = NDArray[np.float64]  # (N, C): each row a probability vector
Keys = NDArray[np.uint64]  # (N,): of each example, by its bytes (leakdrill.defences.keyed); or of each question
#: Scores as the model gives them, and the keys of the examples asked about, to scores as the public sees them.
Defend = Callable[[Scores, Keys], Scores]
#: What an API answers, row by row: scores (N, C), an embedding (N, D) of length 1, or a distance (N, 1).
Answered = Literal["scores", "embedding", "distance"]


@dataclass(frozen=True)
class Owner:
    """The company that defends a model of its own: what it can fit a defence on, and where it keeps what it fitted."""

    answers: Callable[[], tuple[Scores, Scores]]  # undefended, on its training examples and on others of its own
    made_of: Mapping[str, Any]  # JSON-able: all that made these answers
    seed: int  # of its secret: whoever knew it could tell every draw
    cache: ModelCache


class Defence(Spec):
    """The base of every defence. The subclass's docstring starts with one line and cites its source.

    All keep a probability vector, but for rounding to figures. What a row becomes depends on that row and its key
    alone, never on its company.
    """

    kind: str
    keeps_argmax: ClassVar[bool]  # on every row; of several largest, the first counts
    is_fitted: ClassVar[bool] = False  # on its owner's training examples and held-out ones of its own
    spares_members: ClassVar[bool] = False  # whether, though fitted, it is so on the held-out ones alone

    @property
    def fresh_deviation(self) -> float:
        """Of noise that is drawn anew at every question, as a share of each number, so that the mean of many answers
        tells the undefended; 0: asking about an example again gives the same answer. Its keys are of questions then."""
        return 0.0

    def defend(self, scores: Scores, keys: Keys) -> Scores:
        """The defended scores (N, C), new or the very same; a setting that is off gives them back bit for bit."""
        raise NotImplementedError

    def fitted(self, owner: Owner) -> Defend:
        """`defend`, once fitted on what its owner has. Most have nothing to fit."""
        return self.defend

    @property
    def defends(self) -> frozenset[Answered]:
        return frozenset({"scores"})

    def before(self, answered: Answered) -> Defend:
        """The defence of embeddings or distances, for one whose `defends` names them."""
        raise ScenarioError(f"{self.kind} cannot defend an API's {answered}, only {', '.join(sorted(self.defends))}")
