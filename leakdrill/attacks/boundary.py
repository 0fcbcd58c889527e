"""The distance of an example to the decision boundary, found by labels alone."""

import logging
from functools import partial
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from leakdrill.attacks.base import Verdict, View
from leakdrill.attacks.tuning.shadow_tuned import LabelOnly, PredictLabel, ShadowModels
from leakdrill.data.examples import Examples
from leakdrill.errors import ScenarioError
from leakdrill.labelonly.budgets import budgets_within
from leakdrill.labelonly.columns import Columns
from leakdrill.labelonly.cut import best_cut, separation
from leakdrill.labelonly.hopskipjump import MISCLASSIFIED, NO_START, Search, hop_skip_jump
from leakdrill.labelonly.space import Norm, Space
from leakdrill.labelonly.starts import nearest_of_other_classes
from leakdrill.labelonly.streams import generators_of
from leakdrill.seeds import derive, numpy_generator

log = logging.getLogger(__name__)

GREY_LEVELS = 255
NUM_STARTS = 5  # own images of other classes tried, nearest first, until one is mislabelled
START_POOL = 2000  # own images among which the nearest are sought


class Boundary(LabelOnly):
    """In if it is far from the source model's decision boundary (Choquette-Choo et al. 2021, section 3.4).

    The distance is HopSkipJump's, of images in [0, 1], or of rows in shares of each column's range, which the adversary
    takes from its own rows; that of a misclassified example is 0, as no perturbation is needed. The one threshold is
    tuned on the adversary's own shadow models, attacked in this process by the same code with the same budget.

    A search starts from an image of another class, of the adversary's own, the nearest that is mislabelled (as targeted
    HopSkipJump does; the paper starts from random ones), and from noise where there is none.

    A search that finds no image which the model calls anything else, of the adversary's own or of noise, has no
    distance. It says nothing of membership, so the example is scored at the threshold, called out, and counted in the
    notes. The scores are distances less the threshold.

    The scores within fewer queries are of the distances known by then, less a threshold of their own. (A search that
    was planned for so few would have spent them a little better.) Of an example that is right and has no distance yet
    no more is known than that it may be far away. Where the shadow models' members are told no worse by its labels
    alone, as while searches are at their start images, the labels decide.
    """

    kind: Literal["boundary"] = "boundary"
    queries_per_example: int = Field(2500, ge=3, description="at most; the paper's number (section 5.5)")
    norm: Norm = "l2"
    tuning_examples: int = Field(
        100, ge=1, description="members of each shadow model to tune on, and as many others, each at the full budget"
    )

    @property
    def most_queries_per_example(self) -> int:
        return self.queries_per_example

    @property
    def budgets(self) -> tuple[int, ...]:
        return budgets_within(self.queries_per_example)

    def run(self, view: View) -> Verdict:
        plan = self.plan_shadow(view)
        own = start_pool(plan.test, view.seed)
        search = search_images if own.inputs.ndim == 4 else partial(search_rows, Columns.of(*view.shadow_pools()))
        unit = GREY_LEVELS if own.inputs.ndim == 4 else 1
        # before any training: a budget that does not cover the challenge is best known at once
        allowed = self.queries_per_example, self.norm
        found = search(self.ask(view), view.challenge, own, *allowed, derive(view.seed, "challenge"))
        view.progress(0.0, "training and attacking shadow models")
        shadows, seed = plan.train_models(), derive(view.seed, "tuning")
        on_shadows = Search.joined(
            [search(shadow.predict_label, shadow.examples, own, *allowed, seed) for shadow in shadows.models]
        )
        threshold = _tuned(on_shadows, shadows)
        log.info("%s: in beyond a distance of %.3g", self.name, threshold / unit)
        has_distance = found.outcomes != NO_START
        scores = np.where(has_distance, found.distances - threshold, 0.0) / unit
        by_queries = {queries: _within(queries, found, on_shadows, shadows) / unit for queries in self.budgets}
        by_queries[self.queries_per_example] = scores
        notes = {
            "threshold": threshold / unit,
            "misclassified": int((found.outcomes == MISCLASSIFIED).sum()),
            "failed_searches": int((~has_distance).sum()),
            "failed_searches_on_shadow": int((on_shadows.outcomes == NO_START).sum()),
            "queries_per_example": {"mean": float(found.queries.mean()), "max": int(found.queries.max())},
            "shadow_models_of_one_label": shadows.num_constant,
            "shadow_auc_by_queries": {
                str(queries): round(separation(*shadows.split(_far_if_unknown(on_shadows, queries))), 4)
                for queries in self.budgets
            },
        }
        return Verdict(scores, scores > 0, notes, by_queries)


def start_pool(own: Examples, seed: int) -> Examples:
    """Some of the adversary's own images, from which searches start."""
    return own.take(numpy_generator(seed, "starts").permutation(len(own))[:START_POOL])


def search_images(
    predict_label: PredictLabel, examples: Examples, own: Examples, budget: int, norm: Norm, seed: int
) -> Search:
    """Distances, in grey levels, found within so many queries of each example, from the images of `own`."""
    starts = own.inputs[nearest_of_other_classes(examples, own, NUM_STARTS)]
    return hop_skip_jump(
        predict_label,
        examples.inputs.astype(np.float32),
        examples.labels,
        starts.astype(np.float32),
        budget,
        Space(0, GREY_LEVELS, quantum=1, norm=norm),
        generators_of(examples, seed),
    )


def search_rows(
    columns: Columns,
    predict_label: PredictLabel,
    examples: Examples,
    own: Examples,
    budget: int,
    norm: Norm,
    seed: int,
) -> Search:
    """The same of rows of a table: distances in shares of the columns' ranges, with values between a bit's allowed."""
    scaled, starts = (Examples(columns.to_unit(each.inputs), each.labels) for each in (examples, own))
    return hop_skip_jump(
        lambda points: predict_label(columns.from_unit(points)),
        scaled.inputs,
        scaled.labels,
        starts.inputs[nearest_of_other_classes(scaled, starts, NUM_STARTS)],
        budget,
        Space(norm=norm),
        generators_of(examples, seed),
    )


def _tuned(found: Search, shadows: ShadowModels) -> float:
    """Raises ScenarioError when there is nothing to tune on."""
    members, others = _split(found.distances, shadows)
    if not len(members) or not len(others):
        raise ScenarioError(
            f"no boundary found around {len(shadows.is_member)} examples of the shadow models, which give one label to "
            "all that was tried: give their fit more epochs, or the attack more queries_per_example"
        )
    return best_cut(members, others)


def _split(distances: NDArray[np.float64], shadows: ShadowModels) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The distances there are, of the shadow models' members and of others."""
    is_known = ~np.isnan(distances)
    return distances[is_known & shadows.is_member], distances[is_known & ~shadows.is_member]


def _within(queries: int, found: Search, on_shadows: Search, shadows: ShadowModels) -> NDArray[np.float64]:
    """Scores (N,) by what is known after so many queries of each example, by a rule tuned on the shadow models."""
    is_right = (on_shadows.outcomes != MISCLASSIFIED).astype(np.float64)
    far = _far_if_unknown(on_shadows, queries)
    if separation(*shadows.split(is_right)) >= separation(*shadows.split(far)):
        return np.where(found.outcomes == MISCLASSIFIED, -1.0, 1.0)
    cut = best_cut(*shadows.split(far))
    has_failed = (found.outcomes == NO_START) & (found.queries <= queries)
    return np.where(has_failed, 0.0, _far_if_unknown(found, queries) - cut)


def _far_if_unknown(found: Search, queries: int) -> NDArray[np.float64]:
    """Distances (N,) after so many queries; of what is right and has none yet, further away than any image."""
    return np.nan_to_num(found.trace.distances(queries), nan=GREY_LEVELS * float(found.points[0].size))
