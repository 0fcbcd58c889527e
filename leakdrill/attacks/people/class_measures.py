"""What class-based inference goes by: how close together the answers about one person's photos are, for each API."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from leakdrill.attacks.base import AUXILIARY_FACES, Access, View
from leakdrill.attacks.people.clustering import clustered_labels
from leakdrill.attacks.people.distances import pairs_within, principal_components, six_statistics
from leakdrill.attacks.people.face_api import FaceApi, FaceAttack, Images
from leakdrill.attacks.people.spread import covariance_components, deviations, spread
from leakdrill.models.fit import Fit

Floats = NDArray[np.float64]
Measure = Literal["spread", "mixture", "mean", "median", "variance"]

NUM_STATISTICS = 6
#: Principal components of covariances, or of the six statistics of distances: sections 5.1, 5.3 and 5.2.
NUM_COMPONENTS: dict[FaceApi, int] = {"features": 50, "recognition": 15, "verification": NUM_STATISTICS}


@dataclass(frozen=True)
class Measured:
    """C people in the order of their labels: how scattered each is (C,), and what a classifier goes by (C, K)."""

    spreads: Floats  # S^y of equation 3, or a statistic of distances
    components: Floats


class ClassMeasures(FaceAttack):
    """The base of the attacks on people by the concentration of their photos (FaceLeaks, section 4.2)."""

    p: Literal[1, 2] = Field(1, description="of the norm in S^y")
    off_diagonal: float = Field(1.0, ge=0, allow_inf_nan=False, description="lambda of S^y")
    num_components: int | None = Field(
        None, ge=1, description="principal components; default: the paper's, 50 for features and 15 for recognition"
    )
    labels: Literal["perfect", "clustered"] = Field(
        "perfect", description="clustered: who is who in the challenge is guessed, by a face model of the adversary's"
    )
    auxiliary_fit: Fit = Field(Fit(), description="of that face model, on data.auxiliary_faces")

    @model_validator(mode="after")
    def _spread_is_of_vectors(self) -> Self:
        if self.api == "verification" and (self.p, self.off_diagonal) != (1, 1.0):
            raise ValueError(
                "p and off_diagonal are about S^y, the spread of vectors, and verification gives distances: leave them "
                "out, or choose another api"
            )
        return self

    @property
    def needs(self) -> frozenset[Access]:
        return super().needs | ({AUXILIARY_FACES} if self.labels == "clustered" else set())

    @property
    def least_photos(self) -> int:
        return 2  # one has no covariance, and no distance

    def num_questions(self, photos: Sequence[int]) -> int:
        pairs = [num * (num - 1) // 2 for num in photos]
        return super().num_questions(pairs if self.api == "verification" else photos)

    def people(self, view: View) -> NDArray[np.int64]:
        """Who is on each photo of the challenge (N,), as far as this adversary knows."""
        return view.challenge.labels if self.labels == "perfect" else clustered_labels(view, self.auxiliary_fit)

    def measured(self, view: View, inputs: Images, people: NDArray[np.int64], statistic: Measure) -> Measured:
        """Asks the API about `inputs` (N, H, W, 3), of `people` (N,) of whom each has two photos or more."""
        num = self.num_components or NUM_COMPONENTS[self.api]
        if self.api == "verification":
            six = six_statistics(self._distances_of(view, inputs, people))
            column = {"median": 1, "variance": 2}.get(statistic, 0)
            return Measured(six[:, column], principal_components(six, num))
        found = deviations(self.vectors(view, inputs), people)
        spreads = np.array([spread(each, self.p, self.off_diagonal) for each in found])
        return Measured(spreads, covariance_components(found, num))

    def _distances_of(self, view: View, inputs: Images, people: NDArray[np.int64]) -> list[Floats]:
        pairs = pairs_within(people)
        first, second = (np.concatenate(side) for side in zip(*pairs, strict=True))
        ends = np.cumsum([len(own) for own, _ in pairs])[:-1]
        return np.split(self.distances(view, inputs, first, second), ends)
