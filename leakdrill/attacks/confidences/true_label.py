"""How sure a model is of the true label, and what to refuse or say of such numbers."""

import numpy as np
from numpy.typing import NDArray

from leakdrill.attacks.confidences.base import Answers
from leakdrill.attacks.confidences.statistics import Floats, statistic
from leakdrill.errors import ScenarioError


def true_log_odds(answers: Answers, labels: NDArray[np.int64]) -> Floats:
    """phi(p) = log(p_y / (1 - p_y)), (N,), the logit scaling of Carlini et al. (2022, section IV)."""
    return statistic("log_odds", answers.log_odds, labels)


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
