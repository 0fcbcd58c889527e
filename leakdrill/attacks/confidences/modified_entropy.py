"""Modified prediction entropy (TransMIA, section 2.4; Song and Mittal 2021, equation 8)."""

import numpy as np
from numpy.typing import NDArray

#: Probabilities of exactly 0 count as this, so that "infinite" entropies stay finite and comparable (as in the code
#: that Song and Mittal published).
SMALLEST = 1e-30


def modified_entropy(scores: NDArray[np.float32], labels: NDArray[np.int64]) -> NDArray[np.float64]:
    """mpe(v, y) = -(1 - v_y) log v_y - sum over y' != y of v_y' log(1 - v_y'): (N,), 0 when sure and right.

    scores: (N, C), each in [0, 1]; labels: (N,) in [0, C). Always finite: below 140 when the scores sum to 1.
    """
    wrong = scores.astype(np.float64)
    rows = np.arange(len(labels))
    right = wrong[rows, labels]
    wrong[rows, labels] = 0.0  # 0 * log(1 - 0) adds nothing
    of_right = -(1 - right) * np.log(np.maximum(right, SMALLEST))
    of_wrong = -(wrong * np.log(np.maximum(1 - wrong, SMALLEST))).sum(axis=1)
    entropy: NDArray[np.float64] = of_right + of_wrong
    return entropy
