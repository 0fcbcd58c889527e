"""OSLO: one query per example, perturbed just so far that models which were not trained on it are fooled."""

import logging
from collections.abc import Callable
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from leakdrill.attacks.base import Verdict
from leakdrill.attacks.confidences.true_label import num_tied
from leakdrill.attacks.tuning.one_query import Images, Known, OneQuery, Rehearsal, balanced_accuracy, score_order
from leakdrill.labelonly.cut import best_cut
from leakdrill.labelonly.transferred import Perturbed, perturb

log = logging.getLogger(__name__)

Threshold = Annotated[float, Field(gt=0, lt=1)]
CANDIDATES = (0.5, 0.2, 0.1, 0.05, 0.02, 0.01)  # of which one is chosen, if none is given
ONE_IN = 4  # of the models that help with an example, so many for one of validation


class Oslo(OneQuery):
    """In if a transferred perturbation does not change the label (Peng et al. 2024).

    Of the shadows that were not trained on an example, three in four, the source models, show how to perturb it, within
    budgets that rise until the fourth ones, the validation models, are less sure of its label than a threshold. The
    victim is asked about that one image: who was trained on the example withstands more. Without `thresholds` there is
    one, tuned by attacking one of the shadows with the help of the others. With several, each costs a query, the score
    is how many of them kept the label, and so many as are best on that shadow are called in: a curve instead of a
    point.

    A threshold holds for as many models as it was tuned with. The shadow that is attacked is of one pair, and of each
    other pair one model was not trained on the example: `num_shadows` / 2 - 1 help. So against the victim, where all
    could, it is one of each pair but the first, too.

    Where we depart: surrogates are of one architecture, the source model's, and the perturbation is MI-FGSM's alone
    (see leakdrill/labelonly/transferred.py). Examples with the same answers are ordered by the mean budget of their
    queries: whose label was kept, or lost, further away is the more likely member. (Unlike the threshold, this order
    was not chosen on shadows: it did best of those tried on a challenge of 200 synthetic examples whose members were
    known. It changes no decision.) An example that no budget moves far enough is asked about at the largest, and
    counted in the notes.
    """

    kind: Literal["oslo"] = "oslo"
    mode: Literal["offline"] = Field("offline", description="shadows are not trained on the challenge")
    num_shadows: int = Field(12, ge=6, le=1024, multiple_of=2, description="in pairs, each of two opposite halves")
    thresholds: tuple[Threshold, ...] = Field((), description="confidences; a query for each. None: one, tuned")
    max_perturbation: int = Field(40, ge=1, le=255, description="the largest budget, in grey levels")
    iterations: int = Field(5, ge=1, le=1000, description="gradient steps within each budget")

    @property
    def queries_per_example(self) -> int:
        return len(self.thresholds) or 1

    def judge(self, rehearsal: Rehearsal, known: Known, is_kept: Callable[[Images], NDArray[np.bool_]]) -> Verdict:
        tried = self.thresholds or CANDIDATES
        made = self._perturb(rehearsal.known, tried)
        rehearsed = np.stack([rehearsal.is_kept(images) for images in made.images])
        accuracies = [balanced_accuracy(kept, rehearsal.is_member) for kept in rehearsed]
        thresholds = self.thresholds or (tried[int(np.argmax(accuracies))],)
        log.info("%s: thresholds %s", self.name, thresholds)
        queries = self._perturb(known.one_of_each_pair(), thresholds)
        kept = np.stack([is_kept(images) for images in queries.images])
        least_kept = self._least_kept(rehearsed.sum(axis=0), rehearsal.is_member)
        budget = queries.levels.mean(axis=0) / (self.max_perturbation + 1)
        scores = score_order(kept, budget) - least_kept
        notes: dict[str, Any] = {
            "thresholds": list(thresholds),
            "least_kept": least_kept,
            "rehearsed_accuracy_by_threshold": {
                f"{threshold:g}": round(accuracy, 4) for threshold, accuracy in zip(tried, accuracies, strict=True)
            },
            "mean_budget": queries.levels.mean(axis=1).round(2).tolist(),
            "not_fooled": (~queries.has_fooled).sum(axis=1).tolist(),
            "tied_scores": num_tied(scores),
        }
        return Verdict(scores, kept.sum(axis=0) >= least_kept, notes)

    def _least_kept(self, num_kept: NDArray[np.int64], is_member: NDArray[np.bool_]) -> int:
        """How many queries a member keeps its label in, at least."""
        if self.queries_per_example == 1 or is_member.all() or not is_member.any():
            return self.queries_per_example
        counts = num_kept.astype(np.float64)
        return min(self.queries_per_example, int(best_cut(counts[is_member], counts[~is_member])) + 1)

    def _perturb(self, known: Known, thresholds: tuple[float, ...]) -> Perturbed:
        """Of the models that were not trained on an example, every fourth validates, and one at least."""
        outside = ~known.is_in
        place = outside.cumsum(axis=0)  # among those of its example, from 1
        is_validation = outside & ((place % ONE_IN == 0) | ((place == 1) & (outside.sum(axis=0) < ONE_IN)))
        return perturb(
            known.models,
            outside & ~is_validation,
            is_validation,
            known.examples.inputs,
            known.examples.labels,
            thresholds,
            self.max_perturbation,
            self.iterations,
            known.progress,
        )
