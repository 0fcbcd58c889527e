"""How well an example's label withstands random noise: the plainest estimate of its distance to the boundary."""

import logging
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from leakdrill.attacks.base import Verdict, View
from leakdrill.attacks.label_only import LabelOnly, PredictLabel, ShadowModel
from leakdrill.examples import Examples
from leakdrill.labelonly.cut import best_cut, separation
from leakdrill.labelonly.noise import share_kept
from leakdrill.labelonly.space import GREY_LEVELS
from leakdrill.labelonly.streams import generators_of
from leakdrill.seeds import derive

log = logging.getLogger(__name__)

Sigma = Annotated[float, Field(gt=0, le=1)]


class NoiseRobustness(LabelOnly):
    """In if noisy copies keep the label (Choquette-Choo et al. 2021, section 3.4, "robustness to random noise").

    The score is the share of copies with Gaussian noise that the source model labels rightly, less a threshold; a
    misclassified example keeps no label, and its copies are not asked about. The noise's deviation and the threshold
    are tuned on the adversary's own shadow model: of the given deviations, the one that best separates what that model
    was trained on from what it was not (by AUC).

    Where we depart: images have 8 bits, so copies are clipped and rounded. The paper gives no deviations to choose
    from.
    """

    kind: Literal["noise_robustness"] = "noise_robustness"
    queries_per_example: int = Field(100, ge=2, description="at most: the example itself, and its noisy copies")
    sigmas: tuple[Sigma, ...] = Field(
        (0.01, 0.02, 0.04, 0.08, 0.16, 0.32), min_length=1, description="of pixels in [0, 1]; one is chosen"
    )
    tuning_examples: int = Field(300, ge=1, description="members of the shadow model to tune on, and as many others")

    @property
    def most_queries_per_example(self) -> int:
        return self.queries_per_example

    def run(self, view: View) -> Verdict:
        plan, predict_label = self.plan_shadow(view), self.ask(view)
        # before any training: what it gets wrong needs no noise, and a budget that is far too small is known at once
        is_right = np.asarray(predict_label(view.challenge.inputs) == view.challenge.labels)
        view.progress(0.0, "training the shadow model")
        sigma, threshold, separations = self._tune(plan.train_model(), derive(view.seed, "tuning"))
        log.info("%s: in if more than %.3g of copies with noise of %.3g keep the label", self.name, threshold, sigma)
        seed = derive(view.seed, "challenge")
        scores = self._shares(predict_label, view.challenge, is_right, sigma, seed) - threshold
        notes = {
            "sigma": sigma,
            "threshold": threshold,
            "shadow_auc_by_sigma": {f"{tried:g}": round(auc, 4) for tried, auc in separations.items()},
            "misclassified": int((~is_right).sum()),
            "tied_at_the_top": int((scores == scores.max()).sum()),
        }
        return Verdict(scores, scores > 0, notes)

    def _tune(self, shadow: ShadowModel, seed: int) -> tuple[float, float, dict[float, float]]:
        """Deviation and threshold, with the separation that each deviation reached on the shadow model."""
        is_right = np.asarray(shadow.predict_label(shadow.examples.inputs) == shadow.examples.labels)
        shares = {
            sigma: self._shares(shadow.predict_label, shadow.examples, is_right, sigma, seed) for sigma in self.sigmas
        }
        separations = {
            sigma: separation(share[shadow.is_member], share[~shadow.is_member]) for sigma, share in shares.items()
        }
        best = max(self.sigmas, key=lambda sigma: separations[sigma])
        return best, best_cut(shares[best][shadow.is_member], shares[best][~shadow.is_member]), separations

    def _shares(
        self, predict_label: PredictLabel, examples: Examples, is_right: NDArray[np.bool_], sigma: float, seed: int
    ) -> NDArray[np.float64]:
        """Of the copies that keep the label (N,); 0 for what is misclassified as it is."""
        shares, right = np.zeros(len(examples)), examples.take(np.flatnonzero(is_right))
        shares[is_right] = share_kept(
            predict_label,
            right.inputs.astype(np.float32),
            right.labels,
            sigma * GREY_LEVELS.high,
            self.queries_per_example - 1,
            GREY_LEVELS,
            generators_of(right, seed),
        )
        return shares
