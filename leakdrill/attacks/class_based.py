"""Class-based inference through csmall's face APIs: is a person among those that cbig trained on?"""

from typing import Any, ClassVar, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from leakdrill.attacks.base import Goal, Verdict, View
from leakdrill.attacks.people.class_measures import ClassMeasures, Measure
from leakdrill.attacks.people.face_api import FaceApi
from leakdrill.attacks.people.mixture import member_log_odds
from leakdrill.attacks.people.spread import several_photos

MEASURES: dict[FaceApi, tuple[Measure, ...]] = {  # the first of each is the default
    "features": ("spread", "mixture"),
    "recognition": ("spread", "mixture"),
    "verification": ("mean", "median", "variance", "mixture"),
}
NUM_MIXED: dict[FaceApi, int] = {"features": 2, "recognition": 3, "verification": 3}  # sections 5.1 to 5.3


class ClassBased(ClassMeasures):
    """In if the answers about a person's photos lie close together (Liew and Takahashi 2020, section 4.2, algorithm 1).

    That is FaceLeaks. No auxiliary data: the adversary knows which photos of the challenge show the same person (the
    paper's setting), or guesses it, and compares people. Smaller spread and smaller distance mean member, always: that
    is the mechanism of section 4.2, although the paper's figure 4a shows the reverse for S^y. Every photo gets its
    person's score. By spread or distance, the lower half is said to be in; by mixture, whoever is likelier in its
    member component. Of a person with a single photo nothing is said.
    """

    kind: Literal["class_based"] = "class_based"
    goal: ClassVar[Goal] = "identity"
    measure: Measure | None = Field(
        None,
        description="spread: S^y of equation 3; mean, median or variance of a person's pairwise distances, for "
        "verification; mixture: a Gaussian mixture of covariances or of statistics. Default: spread, or mean",
    )

    @model_validator(mode="after")
    def _measure_fits_the_api(self) -> Self:
        if self.measure is not None and self.measure not in MEASURES[self.api]:
            raise ValueError(f"measure {self.measure} is none of {MEASURES[self.api]}, which the {self.api} API allows")
        return self

    def run(self, view: View) -> Verdict:
        people = self.people(view)
        is_judged = several_photos(people)
        measure = self.measure or MEASURES[self.api][0]
        measured = self.measured(view, view.challenge.inputs[is_judged], people[is_judged], measure)
        notes: dict[str, Any] = {}
        if measure == "mixture":
            scores = member_log_odds(measured.components, measured.spreads, NUM_MIXED[self.api])
        else:
            middle = float(np.median(measured.spreads))
            scores, notes = middle - measured.spreads, {"measured": measure, "score_0_is": middle}
        _, index, sizes = np.unique(people[is_judged], return_inverse=True, return_counts=True)
        of_photo = np.zeros(len(people))
        of_photo[is_judged] = scores[index]
        notes |= {"identities": len(sizes), "fewest_photos": int(sizes.min()), "most_photos": int(sizes.max())}
        if self.labels == "clustered":
            notes["clusters"] = people.tolist()  # the referee says how right they are
        return Verdict(of_photo, of_photo > 0, notes, abstained=~is_judged)
