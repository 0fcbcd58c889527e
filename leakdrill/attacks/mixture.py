"""A two-component Gaussian mixture over identities, one of whose components is "member" (FaceLeaks, section 5.1)."""

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit
from sklearn.mixture import GaussianMixture

Floats = NDArray[np.float64]

_FLOOR = 1e-6  # of a variance, where the first component's is 1


def member_log_odds(components: Floats, spreads: Floats) -> Floats:
    """Log-odds (C,) that an identity belongs to the mixture's member component: the one with the smaller mean spread.

    `components` (C, K) are principal components, `spreads` (C,) the identities' S^y. Log-odds order identities as the
    paper's posterior does, without its ties at 0 and 1. Two choices the paper does not state: components are
    uncorrelated already, so covariances are diagonal (400 identities do not fill 50 x 50 entries, twice); and fitting
    starts from the halves of smaller and of larger spread, so it takes no random numbers.
    """
    scale = components[:, 0].std()
    inputs = components / (scale if scale > 0 else 1.0)
    is_small = np.argsort(np.argsort(spreads, kind="stable")) < len(spreads) // 2
    halves = [inputs[is_small], inputs[~is_small]]
    mixture = GaussianMixture(
        2,
        covariance_type="diag",
        reg_covar=_FLOOR,
        max_iter=1000,
        weights_init=np.array([is_small.mean(), (~is_small).mean()]),
        means_init=np.stack([half.mean(axis=0) for half in halves]),
        precisions_init=1 / (np.stack([half.var(axis=0) for half in halves]) + _FLOOR),
    ).fit(inputs)
    first, second = (
        np.log(weight) - ((inputs - mean) ** 2 / variance + np.log(variance)).sum(axis=1) / 2
        for weight, mean, variance in zip(mixture.weights_, mixture.means_, mixture.covariances_, strict=True)
    )
    log_odds: Floats = first - second
    shares = expit(np.stack([log_odds, -log_odds])) + np.finfo(float).tiny  # a component may be empty
    of_first, of_second = (np.average(spreads, weights=share) for share in shares)
    return log_odds if of_first <= of_second else -log_odds
