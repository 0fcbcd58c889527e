"""MemGuard: noise that an attacker's membership classifier trips over (Jia et al. 2019)."""

from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from leakdrill.defences.base import Defence, Defend, Keys, Owner, Scores
from leakdrill.defences.keyed import uniforms
from leakdrill.defences.membership import MembershipNetwork, fit_membership
from leakdrill.defences.noise_search import least_noise
from leakdrill.models.fit import Fit

SMALLEST = 1e-30  # scores below this count as this, so that every logit is finite


class MemGuard(Defence):
    """Noise against the owner's own membership network, added with a probability that keeps a budget (Jia et al. 2019).

    Phase I finds, for a row of scores, the noise that leaves its top class on top and the network undecided. Phase II
    adds it with the largest probability that keeps the expected distortion, in L1, within `epsilon`; not at all where
    the network is as sure with it as without. The coin hangs on the example: asking again gives the same answer.
    """

    kind: Literal["memguard"] = "memguard"
    epsilon: float = Field(1.0, ge=0, le=2, description="the budget: expected L1 distance of a row; 0 is no defence")
    fit: Fit = Field(
        Fit(epochs=100, batch_size=64, learning_rate=0.01, weight_decay=0, schedule="constant", precision="float32"),
        description="of the membership network, on the owner's training examples against others of its own",
    )
    keeps_argmax: ClassVar[bool] = True
    is_fitted: ClassVar[bool] = True

    def fitted(self, owner: Owner) -> Defend:
        if self.epsilon == 0:
            return lambda scores, keys: scores
        made_of = {"membership_network": self.fit.model_dump(mode="json"), "seed": owner.seed, **owner.made_of}
        weights, _, _ = owner.cache.get_or_make(
            made_of, lambda: (fit_membership(*owner.answers(), self.fit, owner.seed), {})
        )
        network = MembershipNetwork.of(weights)
        return lambda scores, keys: guarded(network, scores, keys, self.epsilon)


def guarded(network: MembershipNetwork, scores: Scores, keys: Keys, epsilon: float) -> Scores:
    """Both phases for scores (N, C)."""
    noisy = noisy_scores(network, scores)
    chosen = uniforms(keys, "memguard", 1)[:, 0] < mixing(network, scores, noisy, epsilon)
    return np.where(chosen[:, np.newaxis], noisy, scores)


def noisy_scores(network: MembershipNetwork, scores: Scores) -> Scores:
    """Phase I for scores (N, C), in any order."""
    order = np.argsort(-scores, axis=1, kind="stable")[:, ::-1]  # the first of equals comes last, and is the top
    logits = np.log(np.maximum(np.take_along_axis(scores, order, axis=1), SMALLEST))
    noisy = np.empty_like(scores)
    np.put_along_axis(noisy, order, least_noise(network, logits), axis=1)
    return noisy


def mixing(network: MembershipNetwork, scores: Scores, noisy: Scores, epsilon: float) -> NDArray[np.float64]:
    """Phase II: the probability (N,) of answering with the noise (Jia et al. 2019, equation 13)."""
    surer, before = (np.abs(network.log_odds(np.sort(rows, axis=1))) for rows in (noisy, scores))
    distances = np.abs(noisy - scores).sum(axis=1)
    affordable = np.divide(epsilon, distances, out=np.ones_like(distances), where=distances > epsilon)
    return np.where(surer < before, affordable, 0.0)
