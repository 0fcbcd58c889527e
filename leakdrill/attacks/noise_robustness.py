"""How well an example's label withstands random noise: the plainest estimate of its distance to the boundary."""

import logging
from collections.abc import Mapping
from itertools import product
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from leakdrill.attacks.base import Verdict, View
from leakdrill.attacks.tuning.shadow_tuned import LabelOnly, PredictLabel, ShadowModels
from leakdrill.data.examples import Examples
from leakdrill.labelonly.budgets import budgets_within
from leakdrill.labelonly.columns import Columns
from leakdrill.labelonly.cut import best_cut, separation
from leakdrill.labelonly.noise import Noise, gaussian, kept, on_rows
from leakdrill.labelonly.space import GREY_LEVELS
from leakdrill.labelonly.streams import generators_of
from leakdrill.seeds import derive

log = logging.getLogger(__name__)

Sigma = Annotated[float, Field(gt=0, le=1)]
Flip = Annotated[float, Field(gt=0, le=0.5)]


class NoiseRobustness(LabelOnly):
    """In if noisy copies keep the label (Choquette-Choo et al. 2021, section 3.4, "robustness to random noise").

    The score is the share of its queries, of the example itself and of copies with Gaussian noise, that the source
    model labels rightly, less a threshold; a misclassified example's share is 0, and its copies are not asked about.
    The noise's deviation and the threshold are tuned on the adversary's own shadow models: of the given deviations, the
    one that best separates what a model was trained on from what it was not (by AUC). The scores within fewer
    queries are of the first copies, with the same noise and a threshold of their own.

    Of rows, binary columns are flipped with a probability instead, and the Gaussian noise of the others is in shares of
    their range; which is which, the adversary takes from its own rows. Where there are both, all pairs are tried.

    Where we depart: images have 8 bits, so copies are clipped and rounded. The paper gives no deviations or
    probabilities to choose from.
    """

    kind: Literal["noise_robustness"] = "noise_robustness"
    queries_per_example: int = Field(100, ge=2, description="at most: the example itself, and its noisy copies")
    sigmas: tuple[Sigma, ...] = Field(
        (0.01, 0.02, 0.04, 0.08, 0.16, 0.32),
        min_length=1,
        description="of pixels, or columns, in [0, 1]; one is chosen",
    )
    flips: tuple[Flip, ...] = Field(
        (0.005, 0.01, 0.02, 0.05, 0.1, 0.2), min_length=1, description="chance of each bit of a row; one is chosen"
    )
    tuning_examples: int = Field(300, ge=1, description="members of each shadow model to tune on, and as many others")

    @property
    def most_queries_per_example(self) -> int:
        return self.queries_per_example

    @property
    def tuning_queries_per_example(self) -> int:
        return len(self.sigmas) * self.queries_per_example

    @property
    def budgets(self) -> tuple[int, ...]:
        return budgets_within(self.queries_per_example)

    def run(self, view: View) -> Verdict:
        plan, predict_label = self.plan_shadow(view), self.ask(view)
        # before any training: what it gets wrong needs no noise, and a budget that is far too small is known at once
        is_right = np.asarray(predict_label(view.challenge.inputs) == view.challenge.labels)
        view.progress(0.0, "training shadow models")
        shadows = plan.train_models()
        noises = self._noises(*view.shadow_pools())
        best, of_shadows, separations = self._tune(shadows, noises, derive(view.seed, "tuning"))
        is_kept = self._kept(predict_label, view.challenge, is_right, noises[best], derive(view.seed, "challenge"))
        thresholds = {queries: best_cut(*shadows.split(_shares(of_shadows, queries))) for queries in self.budgets}
        by_queries = {queries: _shares(is_kept, queries) - cut for queries, cut in thresholds.items()}
        scores, threshold = by_queries[self.queries_per_example], thresholds[self.queries_per_example]
        log.info("%s: in if more than %.3g of copies with noise of %s keep the label", self.name, threshold, best)
        notes = {
            "noise": best,
            "threshold": threshold,
            "shadow_models_of_one_label": shadows.num_constant,
            "shadow_auc_by_noise": {tried: round(auc, 4) for tried, auc in separations.items()},
            "misclassified": int((~is_right).sum()),
            "tied_at_the_top": int((scores == scores.max()).sum()),
        }
        return Verdict(scores, scores > 0, notes, by_queries)

    def _noises(self, *own: Examples) -> dict[str, Noise]:
        """Among which to choose, by what they are called."""
        if own[0].inputs.ndim != 2:
            return {f"{sigma:g}": gaussian(sigma * GREY_LEVELS.high, GREY_LEVELS) for sigma in self.sigmas}
        columns = Columns.of(*own)
        sigmas = (0.0,) if columns.is_binary.all() else self.sigmas
        flips = self.flips if columns.is_binary.any() else (0.0,)
        return {_named(sigma, flip): on_rows(sigma, flip, columns) for sigma, flip in product(sigmas, flips)}

    def _tune(
        self, shadows: ShadowModels, noises: Mapping[str, Noise], seed: int
    ) -> tuple[str, NDArray[np.bool_], dict[str, float]]:
        """The best noise's name, what keeps its label with it, and the separation that each noise reached."""
        is_kept = {name: self._on_shadows(shadows, noise, seed) for name, noise in noises.items()}
        separations = {
            name: separation(*shadows.split(_shares(tried, self.queries_per_example)))
            for name, tried in is_kept.items()
        }
        best = max(noises, key=lambda name: separations[name])
        return best, is_kept[best], separations

    def _on_shadows(self, shadows: ShadowModels, noise: Noise, seed: int) -> NDArray[np.bool_]:
        """(N, queries_per_example) of their examples, each asked of its own model."""
        return shadows.of_each(
            lambda shadow: self._kept(shadow.predict_label, shadow.examples, shadow.is_right, noise, seed)
        )

    def _kept(
        self, predict_label: PredictLabel, examples: Examples, is_right: NDArray[np.bool_], noise: Noise, seed: int
    ) -> NDArray[np.bool_]:
        """(N, queries_per_example): which of its queries, first the example itself, are answered with its label."""
        is_kept = np.zeros((len(examples), self.queries_per_example), np.bool_)
        is_kept[:, 0], right = is_right, examples.take(np.flatnonzero(is_right))
        is_kept[is_right, 1:] = kept(
            predict_label,
            right.inputs.astype(np.float32),
            right.labels,
            noise,
            self.queries_per_example - 1,
            generators_of(right, seed),
        )
        return is_kept


def _shares(is_kept: NDArray[np.bool_], queries: int) -> NDArray[np.float64]:
    shares: NDArray[np.float64] = is_kept[:, :queries].mean(axis=1)
    return shares


def _named(sigma: float, flip: float) -> str:
    """0.02, or 0.1 flipped, or 0.02 and 0.1 flipped."""
    return " and ".join([f"{sigma:g}"] * (sigma > 0) + [f"{flip:g} flipped"] * (flip > 0))
