"""What attacks through csmall's face APIs have in common: the three APIs, and an extractor that was never trained.

The control "untrained" is the same attack on random weights of cbig's architecture. It asks nobody, so whatever it
finds is in the photographs and not in the model.
"""

from collections.abc import Sequence
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator
from torch import nn

from leakdrill.archs import build, cut
from leakdrill.attacks.base import ARCHITECTURE, DISTANCES, EMBEDDINGS, TARGET_SCORES, Access, Attack, View
from leakdrill.errors import InvalidInput, ScenarioError
from leakdrill.models.embedding import embed, normalised
from leakdrill.models.training import predict, softmax
from leakdrill.seeds import derive

FaceApi = Literal["features", "recognition", "verification"]
ACCESS: dict[str, Access] = {"features": EMBEDDINGS, "recognition": TARGET_SCORES, "verification": DISTANCES}

Images = NDArray[np.uint8]  # (N, H, W, 3)
Rows = NDArray[np.int64]  # (P,), positions in some images


class FaceAttack(Attack):
    """The base of the attacks through csmall's features, recognition or verification API (FaceLeaks, section 3)."""

    api: FaceApi = Field("features", description="of csmall's: what it answers is all that the attack goes by")
    extractor: Literal["api", "untrained"] = Field(
        "api", description="untrained: the control, random weights of the adversary's own in the API's place"
    )
    average: int = Field(1, ge=1, description="ask everything so many times, and go by the mean: against noisy answers")
    top_k: int | None = Field(
        None, ge=1, description="recognition: go by the k largest scores, all that a defended API may give"
    )
    top_k_as: Literal["ranks", "zeros"] = Field(
        "ranks", description="the k scores in falling order, or all scores with zeros for the rest (section 7.1)"
    )

    @model_validator(mode="after")
    def _top_k_is_of_scores(self) -> Self:
        if self.top_k is not None and self.api != "recognition":
            raise ValueError(f"top_k is about recognition's scores, and this attack's api is {self.api}")
        return self

    @property
    def needs(self) -> frozenset[Access]:
        return frozenset({ACCESS[self.api] if self.extractor == "api" else ARCHITECTURE})

    @property
    def least_photos(self) -> int:
        """Of each person whom it can judge."""
        return 2 if self.api == "verification" else 1

    @property
    def most_scores(self) -> int:
        """How many of recognition's scores it goes by, as far as it is told; 0: however many there are."""
        return self.top_k or 0

    def num_questions(self, photos: Sequence[int]) -> int:
        """How many photos, or pairs, it asks csmall's API about, of people with so many photos each."""
        return self._times * sum(photos) if self.extractor == "api" else 0

    def vectors(self, view: View, inputs: Images) -> NDArray[np.float32]:
        """Embeddings of length 1, or scores (N, D) of `inputs`, from the features or the recognition API."""
        answers = np.stack([self._answer_once(view, inputs) for _ in range(self._times)])
        mean = answers.mean(axis=0, dtype=np.float64)
        if self.api == "features":
            return normalised(mean)
        return largest(mean.astype(np.float32), self.top_k, self.top_k_as)

    def distances(self, view: View, inputs: Images, first: Rows, second: Rows) -> NDArray[np.float64]:
        """Distances (P,) between the images at `first` and those at `second`; each image is sent once."""
        if self.extractor == "untrained":
            embeddings = embed(_untrained(view), inputs)
            apart: NDArray[np.float64] = np.linalg.norm(
                embeddings[first].astype(np.float64) - embeddings[second], axis=1
            )
            return apart
        oracle = view.pair_oracle()
        handles = oracle.enrol(inputs)
        answers = np.stack([oracle.distances_of(handles[first], handles[second]) for _ in range(self._times)])
        mean: NDArray[np.float64] = answers.mean(axis=0, dtype=np.float64)
        return mean

    @property
    def _times(self) -> int:
        return self.average if self.extractor == "api" else 1

    def _answer_once(self, view: View, inputs: Images) -> NDArray[np.float32]:
        match self.api, self.extractor:
            case "features", "api":
                return view.oracle("csmall/features").query(inputs, "embedding")
            case "recognition", "api":
                return view.oracle("csmall/recognition").query(inputs, "scores")
            case "features", _:
                return embed(_untrained(view), inputs)
            case "recognition", _:
                return softmax(predict(_untrained(view, whole=True), inputs))
        raise InvalidInput("the verification API answers about pairs, and gives no vector of an image")


def largest(scores: NDArray[np.float32], k: int | None, reading: Literal["ranks", "zeros"]) -> NDArray[np.float32]:
    """What is left of `scores` (N, C) of which only the k largest are shown: (N, k) in falling order, or (N, C).

    Raises InvalidInput when there are fewer than k.
    """
    if k is None:
        return scores
    if k > scores.shape[1]:
        raise InvalidInput(f"top_k is {k}, but recognition gives {scores.shape[1]} scores: lower it")
    falling = -np.sort(-scores, axis=1)[:, :k]
    if reading == "ranks":
        return falling
    shown: NDArray[np.float32] = np.where(_is_among(scores, k), scores, np.float32(0))
    return shown


def _is_among(scores: NDArray[np.float32], k: int) -> NDArray[np.bool_]:
    """Whether a score is one of its row's k largest; of equals the first."""
    ranks = np.argsort(np.argsort(-scores, axis=1, kind="stable"), axis=1, kind="stable")
    return ranks < k


def _untrained(view: View, whole: bool = False) -> nn.Module:
    """Random weights of cbig's architecture, without its last layer or with it."""
    if view.architecture is None:
        raise ScenarioError("an untrained extractor is of cbig's architecture: grant adversary.knows.architecture")
    model = build(view.architecture, view.num_classes, derive(view.seed, "untrained"))
    return model if whole else cut(model)[0]
