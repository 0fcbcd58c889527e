"""Only those examples whose membership is easiest to tell: the unusual ones."""

from dataclasses import replace
from typing import Annotated, Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from leakdrill.archs import cut
from leakdrill.attacks.augmentation import Rotation, Translation
from leakdrill.attacks.base import EITHER, Access, Attack, Verdict, Victim, View
from leakdrill.attacks.boundary import Boundary
from leakdrill.attacks.combined import Combined
from leakdrill.attacks.confidence_threshold import ConfidenceThreshold
from leakdrill.attacks.confidence_vector import ConfidenceVector
from leakdrill.attacks.noise_robustness import NoiseRobustness
from leakdrill.attacks.random_augmentation import RandomAugmentation
from leakdrill.attacks.tuning.shadow_tuned import ShadowModel
from leakdrill.data.forms import Form
from leakdrill.defences.base import Stage
from leakdrill.errors import ScenarioError
from leakdrill.models.training import predict
from leakdrill.spec import Spec

#: Attacks tuned on shadow models, whose scores have their threshold at 0.
_Judge = (
    Boundary
    | Combined
    | ConfidenceThreshold
    | ConfidenceVector
    | NoiseRobustness
    | RandomAugmentation
    | Rotation
    | Translation
)
CHUNK = 1024
DECIMALS = 9  # of cosine distances: beyond, they depend on an example's place


class Outlier(Attack):
    """In if an attack says so of an outlier; nothing is said of others (Choquette-Choo et al. 2021, section 7).

    Outliers have fewer than gamma neighbours: other targets within a cosine distance of beta, in the features of the
    penultimate layer of the adversary's own shadow model, the first if it has several. The paper tunes beta and gamma
    so that a fraction alpha of the targets are outliers; here gamma is given (figure 11 has 10) and beta follows: it is
    the distance to the gamma-th neighbour that a fraction alpha exceeds. Tuning looks at no answer of the model under
    attack.

    The attack `by` is run on the outliers alone, and only they cost queries. From all others this attack abstains, so
    what is reported is of outliers; in several repeats, of those that are outliers in all of them. Where these are all
    members, or all not, there is nothing to compare: then everybody is judged, the others scored 0, the threshold of
    `by`, and called out, and nothing is decided by it.
    """

    kind: Literal["outlier"] = "outlier"
    victims: ClassVar[frozenset[Victim]] = EITHER
    by: Annotated[_Judge, Field(discriminator="kind", description="the attack that judges the outliers")] = Boundary()
    alpha: float = Field(0.02, gt=0, lt=1, description="fraction of the targets that are outliers (figure 11)")
    gamma: int = Field(10, ge=1, description="an outlier has fewer neighbours")

    @property
    def needs(self) -> frozenset[Access]:
        return self.by.needs

    def adapts_to(self, defence: Spec, stage: Stage) -> bool:
        return self.by.adapts_to(defence, stage)

    @property
    def takes_rows(self) -> bool:
        return self.by.takes_rows

    def fitted_to(self, form: Form) -> Self:
        return self.model_copy(update={"by": self.by.fitted_to(form)})

    @property
    def shadow_set_size(self) -> int:
        return self.by.shadow_set_size

    def training_passes(self, num_source_examples: int) -> int:
        """The features are those of the first shadow model that the attack `by` is tuned on."""
        return self.by.training_passes(num_source_examples)

    @property
    def num_networks(self) -> int:
        return self.by.num_networks

    def most_queries(self, num_examples: int) -> int:
        """Raises ScenarioError for so few that there is no outlier among them: so that is known before any training."""
        return self.by.most_queries(self._num_outliers(num_examples))

    def run(self, view: View) -> Verdict:
        num_outliers = self._num_outliers(len(view.challenge))
        network = self._one_shadow(view).network
        features = predict(cut(network)[0], view.challenge.inputs).astype(np.float64)
        distances = nth_neighbour_distances(features, self.gamma)
        beta = float(np.sort(distances)[len(distances) - num_outliers - 1])
        outliers = np.flatnonzero(distances > beta)
        if not len(outliers):
            raise ScenarioError(
                f"{self.name}: as many as {num_outliers + 1} targets are equally far from their neighbours, "
                f"{beta:g}, so none stands out: choose another alpha or gamma, or give the shadow model more epochs"
            )
        found = self.by.run(replace(view, challenge=view.challenge.take(outliers)))
        scores, decisions = np.zeros(len(distances)), np.zeros(len(distances), dtype=np.bool_)
        scores[outliers], decisions[outliers] = found.scores, found.decisions
        notes: dict[str, Any] = {
            "outliers": len(outliers),
            "outliers_called_in": int(found.decisions.sum()),
            "beta": beta,
            "gamma": self.gamma,
            "by": found.notes,
        }
        return Verdict(scores, decisions, notes, abstained=distances <= beta)

    def _one_shadow(self, view: View) -> ShadowModel:
        """The first of those that the attack `by` is tuned on."""
        (first,) = self.by.model_copy(update={"num_shadows": 1}).plan_shadow(view).train_models().models
        return first

    def _num_outliers(self, num_examples: int) -> int:
        """At most. Raises ScenarioError for fewer than one, or too few targets for gamma."""
        if self.gamma >= num_examples:
            raise ScenarioError(
                f"{self.name}: gamma is {self.gamma}, and {num_examples} targets have {num_examples - 1} neighbours"
            )
        if not (num_outliers := int(self.alpha * num_examples)):
            raise ScenarioError(
                f"{self.name}: alpha {self.alpha:g} of {num_examples} targets is less than one outlier: raise alpha"
            )
        return num_outliers


def nth_neighbour_distances(features: NDArray[np.float64], number: int) -> NDArray[np.float64]:
    """(N,): cosine distances, in [0, 2], of features (N, D) to their `number`-th nearest among the others.

    A feature of zeros is at a distance of 1 from everything.
    """
    lengths = np.linalg.norm(features, axis=1, keepdims=True)
    directions = np.divide(features, lengths, out=np.zeros_like(features), where=lengths > 0)
    nearest = np.empty(len(features))
    for start in range(0, len(features), CHUNK):
        part = slice(start, start + CHUNK)
        distances = 1 - directions[part] @ directions.T
        own = np.arange(len(distances))
        distances[own, start + own] = np.inf
        nearest[part] = np.partition(distances, number - 1, axis=1)[:, number - 1]
    return np.round(nearest, DECIMALS)
