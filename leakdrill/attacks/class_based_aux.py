"""Class-based inference with auxiliary data: a classifier of people, learnt from labelled ones."""

from typing import Literal

import numpy as np
from pydantic import Field

from leakdrill.attacks.base import Verdict, View
from leakdrill.attacks.people.class_measures import ClassMeasures
from leakdrill.attacks.people.face_api import FaceApi
from leakdrill.attacks.people.spread import several_photos
from leakdrill.attacks.people.supervised import Supervised, learn, told

CLASSIFIERS: dict[FaceApi, Literal["qda", "logistic"]] = {  # sections 5.1 to 5.3
    "features": "qda",
    "recognition": "qda",
    "verification": "logistic",
}


class ClassBasedAux(Supervised, ClassMeasures):
    """In if the answers about a person lie as labelled members' do (Liew and Takahashi 2020, algorithm 1, section 5).

    With auxiliary data: the classifier goes by what class_based's mixture goes by: principal components of covariances,
    or six statistics of distances. Components are of the labelled and the judged people together, as in the paper.
    """

    kind: Literal["class_based_aux"] = "class_based_aux"
    classifier: Literal["qda", "logistic"] | None = Field(
        None, description="default: qda, quadratic discriminant analysis; for verification logistic"
    )

    def run(self, view: View) -> Verdict:
        inputs, names, is_member = told(view)
        people = self.people(view)
        is_judged = several_photos(people)
        is_known = several_photos(names)
        names, is_member = names[is_known], is_member[is_known]
        measured = self.measured(
            view,
            np.concatenate([inputs[is_known], view.challenge.inputs[is_judged]]),
            np.concatenate([names, people[is_judged] + names.max() + 1]),
            "spread",
        )
        _, first = np.unique(names, return_index=True)
        known, asked = measured.components[: len(first)], measured.components[len(first) :]
        scores = learn(self.classifier or CLASSIFIERS[self.api], known, is_member[first], asked, view.seed)
        _, index = np.unique(people[is_judged], return_inverse=True)
        of_photo = np.zeros(len(people))
        of_photo[is_judged] = scores[index]
        notes = {"labelled_identities": len(first), "identities": len(scores)}
        if self.labels == "clustered":
            notes["clusters"] = people.tolist()  # the referee says how right they are
        return Verdict(of_photo, of_photo > 0, notes, abstained=~is_judged)
