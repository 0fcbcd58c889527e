"""The first-cut attack: one answer at a time, without regard to who is on the photo."""

from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from leakdrill.attacks.base import Folding, Verdict, View
from leakdrill.attacks.people.spread import several_photos
from leakdrill.attacks.people.supervised import Supervised, components, learn, told


class FirstCut(Supervised):
    """In if the raw answer about one photo looks like members' (Liew and Takahashi 2020, section 4.1).

    A classifier of embeddings or of scores learns from labelled members, and finds little: that is the paper's point.
    Verification needs no label: the distance between two photos of a person is itself the score, smaller means member.
    A photo's is that to one other, so that it is one answer too; whoever has a single photo is left out.
    """

    kind: Literal["first_cut"] = "first_cut"
    classifier: Literal["logistic", "forest", "svm"] = Field(
        "logistic", description="of raw answers: the paper's linear model, random forest and linear SVM"
    )
    num_components: int | None = Field(
        None, ge=1, description="principal components of the answers, 50 in the paper; default: the answers themselves"
    )

    @model_validator(mode="after")
    def _distances_are_not_classified(self) -> Self:
        if self.api == "verification" and (self.classifier != "logistic" or self.num_components is not None):
            raise ValueError(
                "through verification the distance itself is the score, without a classifier: leave classifier and "
                "num_components out, or choose another api"
            )
        return self

    @property
    def folding(self) -> Folding | None:
        return None if self.api == "verification" else super().folding

    def run(self, view: View) -> Verdict:
        return self._by_distance(view) if self.api == "verification" else self._by_answer(view)

    def _by_answer(self, view: View) -> Verdict:
        inputs, _, is_member = told(view)
        known, asked = (self.vectors(view, each).astype(np.float64) for each in (inputs, view.challenge.inputs))
        if self.num_components is not None:
            known, asked = components(known, asked, self.num_components)
        scores = learn(self.classifier, known, is_member, asked, view.seed)
        return Verdict(scores, scores > 0, {"labelled_photos": len(is_member), "inputs": known.shape[1]})

    def _by_distance(self, view: View) -> Verdict:
        is_judged = several_photos(view.challenge.labels)
        first = np.flatnonzero(is_judged)
        second = _partners(view.challenge.inputs, view.challenge.labels, first)
        distances = self.distances(view, view.challenge.inputs, first, second)
        scores = np.zeros(len(is_judged))
        scores[first] = np.median(distances) - distances
        return Verdict(scores, scores > 0, {"pairs": len(first)}, abstained=~is_judged)


def _partners(inputs: NDArray[np.uint8], labels: NDArray[np.int64], rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """For each of `rows` another of the same label: the next in the order of the pixels, which says nothing."""
    partner = np.empty(len(labels), np.int64)
    for label in np.unique(labels[rows]):
        own = rows[labels[rows] == label]
        own = own[np.argsort([inputs[row].tobytes() for row in own], kind="stable")]
        partner[own] = np.roll(own, -1)
    return partner[rows]
