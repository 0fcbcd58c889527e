"""What an attack model is shown of a prediction vector."""

import numpy as np
from numpy.typing import NDArray

NUM_OTHERS = 3
#: Confidences below this look the same: what a model gives to classes it has ruled out is noise.
SMALLEST = 1e-6


def leading_scores(scores: NDArray[np.float32], labels: NDArray[np.int64]) -> NDArray[np.float64]:
    """Logarithms (N, 1 + NUM_OTHERS) of the true label's score, and of the largest others in descending order.

    scores: (N, C), where fewer than NUM_OTHERS others give so many columns less; labels: (N,). Salem et al. (2019,
    "ML-Leaks", section 4.1) show their attack model the three largest scores; the true label's is put before them here,
    since this adversary knows it.
    """
    others = scores.astype(np.float64)
    true = np.take_along_axis(others, labels[:, np.newaxis], axis=1)
    np.put_along_axis(others, labels[:, np.newaxis], -1.0, axis=1)
    largest = -np.sort(-others, axis=1)[:, :-1][:, :NUM_OTHERS]
    logarithms: NDArray[np.float64] = np.log(np.maximum(np.concatenate([true, largest], axis=1), SMALLEST))
    return logarithms
