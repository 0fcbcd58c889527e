"""A Gaussian mixture over identities, one of whose components is "member" (FaceLeaks, sections 5.1 to 5.3)."""

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp, softmax

Floats = NDArray[np.float64]

_FLOOR = 1e-6  # of a variance, where the first component's is 1


def member_log_odds(components: Floats, spreads: Floats, num: int = 2) -> Floats:
    """Log-odds (C,) that an identity belongs to the mixture's member component: the one with the smallest mean spread.

    `components` (C, K) are principal components, `spreads` (C,) the identities' S^y or mean distance; `num` is how many
    components the mixture has, and all but one of them are "not member". Log-odds order identities as the paper's
    posterior does, without its ties at 0 and 1. Two choices the paper does not state: components are uncorrelated
    already, so covariances are diagonal (400 identities do not fill 50 x 50 entries, twice); and fitting starts from
    parts of rising spread and of one size, so it takes no random numbers.
    """
    from sklearn.mixture import GaussianMixture  # here: it takes a second, and every process imports the attacks

    scale = components[:, 0].std()
    inputs = components / (scale if scale > 0 else 1.0)
    part = np.argsort(np.argsort(spreads, kind="stable"), kind="stable") * num // len(spreads)
    parts = [inputs[part == number] for number in range(num)]
    mixture = GaussianMixture(
        num,
        covariance_type="diag",
        reg_covar=_FLOOR,
        max_iter=1000,
        weights_init=np.bincount(part, minlength=num) / len(part),
        means_init=np.stack([own.mean(axis=0) for own in parts]),
        precisions_init=1 / (np.stack([own.var(axis=0) for own in parts]) + _FLOOR),
    ).fit(inputs)
    densities = np.stack(
        [
            np.log(weight) - ((inputs - mean) ** 2 / variance + np.log(variance)).sum(axis=1) / 2
            for weight, mean, variance in zip(mixture.weights_, mixture.means_, mixture.covariances_, strict=True)
        ]
    )
    shares = softmax(densities, axis=0) + np.finfo(float).tiny  # a component may be empty
    member = int(np.argmin([np.average(spreads, weights=share) for share in shares]))
    log_odds: Floats = densities[member] - logsumexp(np.delete(densities, member, axis=0), axis=0)
    return log_odds
