"""The mean of several answers to one question: what noise that is drawn anew at every question does not survive."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Answer = NDArray[np.float32]


def mean_of(ask: Callable[[], Answer], times: int) -> Answer:
    """Of so many answers (N, C), each asked for afresh; equal ones come out as they are, bit for bit."""
    total = ask().astype(np.float64)
    for _ in range(times - 1):
        total += ask()
    return (total / times).astype(np.float32)
