"""MemGuard's phase I: the least noise that makes the defender's membership network undecided (Jia et al. 2019, 4.2).

As in the code that the authors published, gradient descent on the logits, in steps of fixed length, of

    c1 |log-odds of "member"| + c2 max(0, largest other logit - top logit) + c3 |scores - original scores|_1

until the network has changed its mind and the top class is the top again. The search begins anew with a c3 ten times
larger as long as that succeeds, and the last success counts. They take one row at a time; here all rows descend
together, each leaving when it is done, and a row's path is the same as if it had walked alone.

Both agree to far below 1e-6, but for rows whose top score is 1 in single precision: there the softmax is so flat that
the last bits decide which way the first step goes, theirs as well as ours. Such a row is found some noise of the same
kind, the same every time; the label and the budget are kept whichever it is.
"""

import numpy as np
from numpy.typing import NDArray

from leakdrill.defences.base import Scores
from leakdrill.defences.membership import MembershipNetwork

C1, C2, C3 = 1.0, 10.0, 0.1
LARGEST_C3 = 1e5
STEP = 0.1  # length, in logits
NUM_STEPS = 299
UNDECIDED = 1e-5  # a network this close to one half needs no noise


def least_noise(network: MembershipNetwork, logits: NDArray[np.float64]) -> Scores:
    """The scores (N, C) with noise, for logits (N, C) in ascending order; without it where no search succeeded."""
    original = softmax(logits)
    at_first = network.log_odds(original)
    found = original.copy()
    searching = np.flatnonzero(np.abs(1 / (1 + np.exp(-np.clip(at_first, -50, 50))) - 0.5) > UNDECIDED)
    c3 = C3
    while searching.size and c3 <= LARGEST_C3:
        moved, succeeded = _descend(network, logits[searching], original[searching], at_first[searching], c3)
        searching = searching[succeeded]
        found[searching] = softmax(moved[succeeded])
        c3 *= 10
    return found


def softmax(logits: NDArray[np.float64]) -> Scores:
    """(N, C)"""
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    probabilities: Scores = powers / powers.sum(axis=1, keepdims=True)
    return probabilities


def _descend(
    network: MembershipNetwork, logits: NDArray[np.float64], original: Scores, at_first: NDArray[np.float64], c3: float
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Where each row's descent ended (N, C), and whether it got what it wanted (N,)."""
    top = logits.shape[1] - 1
    moved, walking = logits.copy(), np.arange(len(logits))
    for step in range(NUM_STEPS + 1):
        here = moved[walking]
        log_odds, gradient = _loss_gradient(network, here, original[walking], c3)
        if step:
            on = (here.argmax(axis=1) != top) | (log_odds * at_first[walking] > 0)
            walking, gradient = walking[on], gradient[on]
        if not walking.size or step == NUM_STEPS:
            break
        lengths = np.sqrt((gradient * gradient).sum(axis=1, keepdims=True))
        moved[walking] -= STEP * np.divide(gradient, lengths, out=np.zeros_like(gradient), where=lengths > 0)
    succeeded = np.ones(len(logits), np.bool_)
    succeeded[walking] = False
    return moved, succeeded


def _loss_gradient(
    network: MembershipNetwork, logits: NDArray[np.float64], original: Scores, c3: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The network's log-odds (N,) at softmax(logits), and the gradient (N, C) of the loss by the logits."""
    scores = softmax(logits)
    log_odds, by_scores = network.log_odds_and_gradient(scores)
    by_scores = C1 * np.sign(log_odds)[:, np.newaxis] * by_scores + c3 * np.sign(scores - original)
    gradient = scores * (by_scores - (scores * by_scores).sum(axis=1, keepdims=True))  # through the softmax
    others = logits[:, :-1].argmax(axis=1)
    overtaken = np.flatnonzero(logits[np.arange(len(logits)), others] > logits[:, -1])
    gradient[overtaken, others[overtaken]] += C2
    gradient[overtaken, -1] -= C2
    return log_odds, gradient
