"""Black-box access to face verification: what an attack may ask about pairs of images."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from leakdrill.oracles.oracle import Output

Images = NDArray[np.uint8]  # (N, H, W, 3)
Handles = NDArray[np.int64]  # (N,)


class PairOracle(Protocol):
    """One public verification API. Pairs are counted by the party that answers, and images enrolled beside them.

    Answers are (P,) float32: `distance`, or `same`, 1 where the party takes both for one person. Raise NotFound for an
    output that the API does not offer and BudgetExhausted when more is asked than what is left.
    """

    name: str  # "csmall/verification"
    outputs: frozenset[Output]

    def distances(self, first: Images, second: Images, output: Output = "distance") -> NDArray[np.float32]:
        """Of `first` and `second` row by row, both sent."""
        ...

    def enrol(self, images: Images) -> Handles:
        """A handle for each of `images`, so that it need not be sent again."""
        ...

    def distances_of(self, first: Handles, second: Handles, output: Output = "distance") -> NDArray[np.float32]:
        """As `distances`, of images enrolled before. Raises NotFound for a handle that the party no longer knows."""
        ...
