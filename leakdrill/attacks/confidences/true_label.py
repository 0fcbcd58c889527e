"""How sure a model is of the true label, and what to refuse or say of such numbers.

phi(p) = log(p_y / (1 - p_y)) in float64 is the logit scaling of Carlini et al. (2022, section IV), stable because
1 - p_y is the sum of the other classes and not a difference: see confidence_statistics.py.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from leakdrill.attacks.confidences.base import Answers
from leakdrill.attacks.confidences.statistics import SMALLEST
from leakdrill.errors import ScenarioError

Floats = NDArray[np.float64]


def true_log_odds(answers: Answers, labels: NDArray[np.int64]) -> Floats:
    """phi (N,) of answers (N, C), C at least 2: exact for logits; scores of 0 count as SMALLEST.

    Of the true label alone, which is a small part of the work of all classes' log-odds.
    """
    wide = answers.given.astype(np.float64)
    logits = wide if answers.output == "logits" else np.log(np.maximum(wide, SMALLEST))
    rows = np.arange(len(labels))
    others = logits.copy()
    others[rows, labels] = -np.inf
    return np.asarray(logits[rows, labels] - logsumexp(others, axis=1))


def check_not_constant(log_odds: Floats, name: str) -> None:
    """Raises ScenarioError when a model says the same of everything, which tells nobody from anybody."""
    if len(log_odds) > 1 and np.ptp(log_odds) == 0:
        raise ScenarioError(
            f"{name} is as sure of the true label of each of {len(log_odds):,} examples: there is nothing to compare; "
            "ask for logits, or lift the defence that flattens its scores"
        )


def num_tied(scores: Floats) -> int:
    """How many examples have the score of another one: no threshold can tell these apart."""
    _, counts = np.unique(scores, return_counts=True)
    return int(counts[counts > 1].sum())
