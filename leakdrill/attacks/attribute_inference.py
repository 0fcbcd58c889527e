"""Attribute inference: what csmall's answers about a photo say of the person on it, whoever cbig trained on."""

from collections.abc import Sequence
from typing import ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from leakdrill.attacks.base import LABELLED_ATTRIBUTES, Access, Folding, Goal, Verdict, View
from leakdrill.attacks.people.face_api import FaceAttack, Images
from leakdrill.attacks.people.supervised import components, learn
from leakdrill.data.examples import Examples
from leakdrill.errors import ScenarioError

Floats = NDArray[np.float64]

NUM_PIXEL_COMPONENTS = 50


class AttributeInference(FaceAttack):
    """Of the attribute if the API's answer is like those about people of it (Liew and Takahashi 2020, section 6).

    Algorithm 2: a linear classifier of embeddings, of scores, or of the distances to some fixed photos of other people,
    learnt from few photos of which the attribute is told. It is played in folds of people: those who are judged are
    not among those told of. Judged is whether the attribute is 1, so "members" in its results are people of whom it is.
    """

    kind: Literal["attribute_inference"] = "attribute_inference"
    goal: ClassVar[Goal] = "attribute"
    attribute: str = Field("gender", description="of the data set: 0 or 1 for a person, or not known")
    auxiliary_points: int = Field(
        100, ge=2, description="photos of which the attribute is told; 10 to 400 in the paper"
    )
    references: int = Field(
        20, ge=1, description="verification: photos of as many people, the fixed x_2, to which distances are taken"
    )
    num_scores: int | None = Field(
        None, ge=1, description="recognition: go by the first so many scores, as if there were no more classes"
    )
    without_api: Literal["majority", "images"] | None = Field(
        None, description="the baselines: what most of the labelled people are, or a classifier of the raw images"
    )
    folds: int = Field(
        5, ge=2, le=50, description="each a fresh adversary, told of people who are not in its challenge"
    )

    @model_validator(mode="after")
    def _num_scores_are_recognitions(self) -> Self:
        if self.num_scores is not None and self.api != "recognition":
            raise ValueError(f"num_scores is about recognition's scores, and this attack's api is {self.api}")
        return self

    @property
    def needs(self) -> frozenset[Access]:
        return (frozenset() if self.without_api else super().needs) | {LABELLED_ATTRIBUTES}

    @property
    def folding(self) -> Folding | None:
        num_references = self.references if self.api == "verification" and self.without_api is None else 0
        return Folding(self.folds, "identity", self.attribute, self.auxiliary_points, num_references)

    @property
    def most_scores(self) -> int:
        return max(super().most_scores, self.num_scores or 0) if self.without_api is None else 0

    def num_questions(self, photos: Sequence[int]) -> int:
        if self.without_api is not None:
            return 0
        return super().num_questions(photos) * (self.references if self.api == "verification" else 1)

    def run(self, view: View) -> Verdict:
        if view.auxiliary is None:
            raise ScenarioError("told of nobody's attribute: grant adversary.knows.labelled_attributes")
        has_it = view.auxiliary.labels == 1
        notes = {"auxiliary_points": len(has_it), "of_the_attribute": int(has_it.sum())}
        if self.without_api == "majority" or has_it.all() or not has_it.any():
            scores = np.full(len(view.challenge), has_it.mean() - 0.5)
        else:
            known, asked = self._inputs(view, view.auxiliary)
            scores = learn("logistic", known, has_it, asked, view.seed)
        return Verdict(scores, scores > 0, notes)

    def _inputs(self, view: View, auxiliary: Examples) -> tuple[Floats, Floats]:
        """What the classifier goes by, of the labelled photos and of the challenge."""
        images = np.concatenate([auxiliary.inputs, view.challenge.inputs])
        if self.without_api == "images":
            pixels = images.reshape(len(images), -1) / np.float64(255)
            return components(pixels[: len(auxiliary)], pixels[len(auxiliary) :], NUM_PIXEL_COMPONENTS)
        if self.api == "verification":
            answers = self._distances_to_references(view, images)
        else:
            answers = self.vectors(view, images)[:, : self.num_scores].astype(np.float64)
        return answers[: len(auxiliary)], answers[len(auxiliary) :]

    def _distances_to_references(self, view: View, images: Images) -> Floats:
        """(N, references)"""
        if view.references is None:
            raise ScenarioError("no fixed photos to compare with: grant adversary.knows.labelled_attributes")
        fixed, num = view.references.inputs, len(view.references)
        first = np.repeat(np.arange(len(images)), num)
        second = len(images) + np.tile(np.arange(num), len(images))
        return self.distances(view, np.concatenate([images, fixed]), first, second).reshape(len(images), num)
