"""Class-based inference through csmall's features API: is a person among those that cbig trained on?"""

from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from leakdrill.archs import build, cut
from leakdrill.attacks.base import ARCHITECTURE, EMBEDDINGS, Access, Attack, Goal, Verdict, View
from leakdrill.attacks.mixture import member_log_odds
from leakdrill.attacks.spread import covariance_components, deviations, spread
from leakdrill.embedding import embed
from leakdrill.errors import ScenarioError
from leakdrill.seeds import derive


class ClassBased(Attack):
    """In if a person's photos lie close together in the embedding (Liew and Takahashi 2020, section 4.2, algorithm 1).

    That is FaceLeaks. No auxiliary data: the adversary knows which photos of the challenge show the same person (the
    paper's setting, where an auxiliary face model has told), and compares people. Smaller spread means member, always:
    that is the mechanism of section 4.2, although the paper's figure 4a shows the reverse for S^y. Every photo gets its
    person's score. By spread, the lower half is said to be in; by mixture, whoever is likelier in its member component.
    """

    kind: Literal["class_based"] = "class_based"
    goal: ClassVar[Goal] = "identity"
    measure: Literal["spread", "mixture"] = Field(
        "spread", description="S^y of equation 3, or a two-component Gaussian mixture of covariances"
    )
    p: Literal[1, 2] = Field(1, description="of the norm in S^y")
    off_diagonal: float = Field(1.0, ge=0, allow_inf_nan=False, description="lambda of S^y")
    num_components: int = Field(50, ge=1, description="principal components of the covariances, for the mixture")
    extractor: Literal["features_api", "untrained"] = Field(
        "features_api", description="untrained: the control, a random extractor of the adversary's own; asks nobody"
    )

    @property
    def needs(self) -> frozenset[Access]:
        return frozenset({EMBEDDINGS if self.extractor == "features_api" else ARCHITECTURE})

    def run(self, view: View) -> Verdict:
        labels = view.challenge.labels
        found = deviations(self._embeddings(view), labels)
        spreads = np.array([spread(each, self.p, self.off_diagonal) for each in found])
        if self.measure == "mixture":
            scores = member_log_odds(covariance_components(found, self.num_components), spreads)
        else:
            scores = np.median(spreads) - spreads
        sizes = [len(each) for each in found]
        of_photo = scores[np.unique(labels, return_inverse=True)[1]]
        notes = {"identities": len(found), "fewest_photos": min(sizes), "most_photos": max(sizes)}
        return Verdict(of_photo, of_photo > 0, notes)

    def _embeddings(self, view: View) -> NDArray[np.float32]:
        if self.extractor == "features_api":
            return view.oracle("csmall/features").query(view.challenge.inputs, "embedding")
        if view.architecture is None:
            raise ScenarioError("an untrained extractor is of cbig's architecture: grant adversary.knows.architecture")
        feature_extractor, _ = cut(build(view.architecture, view.num_classes, derive(view.seed, "untrained")))
        return embed(feature_extractor, view.challenge.inputs)
