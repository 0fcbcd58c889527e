"""The distances to the boundary of an example and of its shifted copies, together."""

from functools import partial
from typing import Annotated, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator
from torch.nn.functional import leaky_relu

from leakdrill.attacks.attack_models import Judgement, fit_dnn
from leakdrill.attacks.base import Verdict, View
from leakdrill.attacks.boundary import GREY_LEVELS, search_images, start_pool
from leakdrill.attacks.checks import check_images
from leakdrill.attacks.tuning.networks import Networks, judge_by_networks
from leakdrill.attacks.tuning.shadow_tuned import LabelOnly, PredictLabel, ShadowModels
from leakdrill.data.examples import Examples
from leakdrill.errors import ScenarioError
from leakdrill.labelonly.augmentations import translations
from leakdrill.labelonly.cut import best_cut, separation
from leakdrill.labelonly.hopskipjump import Search
from leakdrill.labelonly.space import Norm
from leakdrill.seeds import derive

LEAST = 3  # queries for one copy: itself, a start image, and a step towards it
fit_network = partial(fit_dnn, hidden=(10, 10), activation=leaky_relu)  # appendix B.1 gives no other size


class Combined(LabelOnly):
    """In if shifted copies are far from the boundary, too (Choquette-Choo et al. 2021, section 3.4, table 3).

    What is combined are the distances, dist(aug(x), y): HopSkipJump searches around the example and around each of its
    4d copies shifted by |i| + |j| = d, each with an equal share of the budget of one example. By default those
    are five searches of 2,500 queries, the 12,500 of section 5.5. Networks fitted on the distances to the adversary's
    own shadow models judge them (appendix B.1), or a threshold on their mean.

    A copy that is misclassified has distance 0. A search that failed has none, and is given the median of that copy's
    distances on the shadow models, which speaks for neither side; an example of which all searches failed is scored at
    the threshold and called out. Both are counted in the notes.
    """

    kind: Literal["combined"] = "combined"
    queries_per_example: int = Field(12_500, ge=1, description="at most, of all copies together (section 5.5)")
    pixels: Annotated[int, Field(ge=1, le=8)] = 1
    norm: Norm = "l2"
    attack_model: Literal["dnn", "threshold"] = "dnn"
    networks: Networks = "per_class"
    tuning_examples: int = Field(
        100, ge=1, description="members of each shadow model to tune on, and as many others, each at the full budget"
    )

    @model_validator(mode="after")
    def _enough_for_every_copy(self) -> Self:
        if self.queries_per_copy < LEAST:
            raise ValueError(
                f"queries_per_example is {self.queries_per_example} for {self.num_copies} searches: wanted "
                f"{LEAST * self.num_copies} or more, {LEAST} for each"
            )
        return self

    @property
    def takes_rows(self) -> bool:
        return False

    @property
    def num_copies(self) -> int:
        """Of each example, itself included."""
        return 4 * self.pixels + 1

    @property
    def queries_per_copy(self) -> int:
        return self.queries_per_example // self.num_copies

    @property
    def most_queries_per_example(self) -> int:
        return self.queries_per_copy * self.num_copies

    @property
    def budgets(self) -> tuple[int, ...]:
        return (self.most_queries_per_example,)

    def run(self, view: View) -> Verdict:
        check_images(view.challenge, self.name)
        plan = self.plan_shadow(view)
        own = start_pool(plan.test, view.seed)
        # before any training: a budget that does not cover the challenge is best known at once
        searches = self._searches(self.ask(view), view.challenge, own, derive(view.seed, "challenge"))
        view.progress(0.0, "training and attacking shadow models")
        shadows, seed = plan.train_models(), derive(view.seed, "tuning")
        of_shadows = shadows.of_each(
            lambda shadow: _distances(self._searches(shadow.predict_label, shadow.examples, own, seed))
        )
        of_challenge = _distances(searches)
        scores, decisions = self._judge(shadows, of_shadows, of_challenge, view)
        has_none = np.isnan(of_challenge).all(axis=1)
        scores, decisions = np.where(has_none, 0.0, scores), decisions & ~has_none
        queries = np.sum([search.queries for search in searches], axis=0)
        notes = {
            "misclassified": int((of_challenge[:, 0] == 0).sum()),
            "failed_searches": int(np.isnan(of_challenge).sum()),
            "without_any_distance": int(has_none.sum()),
            "queries_per_example": {"mean": float(queries.mean()), "max": int(queries.max())},
            "shadow_models_of_one_label": shadows.num_constant,
            "shadow_auc_by_copy": [round(_separation(copy, shadows), 4) for copy in of_shadows.T],
        }
        return Verdict(scores, decisions, notes, {self.most_queries_per_example: scores})

    def _searches(self, predict_label: PredictLabel, examples: Examples, own: Examples, seed: int) -> list[Search]:
        """Of every copy, the example itself first. All examples advance together, one copy after another."""
        searches = []
        for copy in translations(examples.inputs, self.pixels).swapaxes(0, 1):
            shifted = Examples(np.ascontiguousarray(copy), examples.labels)
            searches.append(search_images(predict_label, shifted, own, self.queries_per_copy, self.norm, seed))
        return searches

    def _judge(
        self, shadows: ShadowModels, of_shadows: NDArray[np.float64], of_challenge: NDArray[np.float64], view: View
    ) -> Judgement:
        """By distances (N, copies), some of which are NaN."""
        neutral = _medians(of_shadows)
        own, asked = (np.where(np.isnan(of), neutral, of) for of in (of_shadows, of_challenge))
        if self.attack_model == "threshold":
            scores = asked.mean(axis=1) - best_cut(*shadows.split(own.mean(axis=1)))
            return scores, scores > 0
        seed = derive(view.seed, "attack model")
        return judge_by_networks(
            self.networks, fit_network, own, shadows, asked, view.challenge, view.num_classes, seed
        )


def _distances(searches: list[Search]) -> NDArray[np.float64]:
    """(N, copies), of pixels in [0, 1]; NaN where a search failed."""
    return np.stack([search.distances for search in searches], axis=1) / GREY_LEVELS


def _medians(distances: NDArray[np.float64]) -> NDArray[np.float64]:
    """(copies,) of the distances there are. Raises ScenarioError for a copy of which there is none."""
    if np.isnan(distances).all(axis=0).any():
        raise ScenarioError(
            f"no boundary found around {len(distances)} examples of the shadow models, which give one label to all "
            "that was tried: give their fit more epochs, or the attack more queries_per_example"
        )
    medians: NDArray[np.float64] = np.nanmedian(distances, axis=0)
    return medians


def _separation(distances: NDArray[np.float64], shadows: ShadowModels) -> float:
    """Of one copy's distances (N,) on the shadow models; what has none counts as far away."""
    return separation(*shadows.split(np.nan_to_num(distances, nan=np.inf)))
