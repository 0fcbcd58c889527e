"""What one can read of membership in a confidence vector: one number per example, higher = more likely member.

All of them are functions of log-odds in float64, taken over the other classes' sum and not as 1 - p: of a float32
confidence of 1.0, which a fitted model gives to many members, 1 - p is 0, and the order among them is lost.

    max_confidence    log max_k p_k                                     Salem et al. 2019, section 5
    loss              log p_y, the cross-entropy with its sign changed  Yeom et al. 2018, section 3.2
    entropy           sum_k p_k log p_k                                 Shokri et al. 2017, section 8
    modified_entropy  the same, aware of the label                      Song and Mittal 2021, equation 8
    log_odds          log p_y / (1 - p_y)                               Carlini et al. 2022, section IV-C
"""

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

Floats = NDArray[np.float64]
Statistic = Literal["max_confidence", "loss", "entropy", "modified_entropy", "log_odds"]

#: float32's smallest number: a score of exactly 0 counts as this, so that log-odds stay finite.
SMALLEST = float(np.finfo(np.float32).smallest_subnormal)


def log_odds_of_logits(logits: NDArray[np.floating]) -> Floats:
    """log p_k / (1 - p_k) of every class, (N, C) float64, for logits (N, C) with C of at least 2."""
    wide, rows = logits.astype(np.float64), np.arange(len(logits))
    top = wide.argmax(axis=1)
    shares = np.exp(wide - wide.max(axis=1, keepdims=True))
    rest = shares.sum(axis=1, keepdims=True) - shares  # at least 1 for all but the top, whose rest it would lose
    rest[rows, top] = 1.0
    log_odds = wide - wide.max(axis=1, keepdims=True) - np.log(rest)
    others = wide.copy()
    others[rows, top] = -np.inf
    log_odds[rows, top] = wide[rows, top] - _log_sum_exp(others)
    return np.asarray(log_odds)


def log_odds_of_scores(scores: NDArray[np.floating]) -> Floats:
    """The same for confidences (N, C) in [0, 1]."""
    return log_odds_of_logits(np.log(np.maximum(scores.astype(np.float64), SMALLEST)))


def modified_entropy(scores: NDArray[np.floating], labels: NDArray[np.int64]) -> Floats:
    """mpe(v, y) = -(1 - v_y) log v_y - sum over y' != y of v_y' log(1 - v_y'): (N,), 0 when sure and right.

    scores: (N, C), each in [0, 1], taken as shares of their sum; labels: (N,) in [0, C). Finite, below 210, since
    a share of 0 counts as SMALLEST. TransMIA, section 2.4; Song and Mittal 2021, equation 8.
    """
    return -statistic("modified_entropy", log_odds_of_scores(scores), labels)


def statistic(of: Statistic, log_odds: Floats, labels: NDArray[np.int64]) -> Floats:
    """(N,), for log-odds (N, C) of the classes and true labels (N,) in [0, C)."""
    log_p, log_rest = -np.logaddexp(0, -log_odds), -np.logaddexp(0, log_odds)  # log p_k and log (1 - p_k)
    rows = np.arange(len(labels))
    match of:
        case "max_confidence":
            return np.asarray(log_p.max(axis=1))
        case "loss":
            return np.asarray(log_p[rows, labels])
        case "entropy":
            return np.asarray((expit(log_odds) * log_p).sum(axis=1))
        case "modified_entropy":
            of_others = expit(log_odds) * log_rest
            of_others[rows, labels] = expit(-log_odds[rows, labels]) * log_p[rows, labels]
            return np.asarray(of_others.sum(axis=1))
        case "log_odds":
            return np.asarray(log_odds[rows, labels])


def _log_sum_exp(values: Floats) -> Floats:
    largest = values.max(axis=1, keepdims=True)
    return np.asarray(largest[:, 0] + np.log(np.exp(values - largest).sum(axis=1)))
