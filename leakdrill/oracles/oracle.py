"""Black-box access to a model: what an attack may ask, and nothing else."""

from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from leakdrill.data.examples import Inputs

Output = Literal["logits", "scores", "label", "embedding", "distance", "same", "face"]


class Oracle(Protocol):
    """One public model of one party. Every example asked about is counted by the party that answers."""

    name: str  # "cbig/source", "csmall/recognition"
    num_classes: int
    outputs: frozenset[Output]  # what the API returns, by the scenario's choice

    def query(self, inputs: Inputs, output: Output = "scores") -> NDArray[np.float32]:
        """Ask about `inputs`, images or rows, whichever the model takes; any N, sent in large batches.

        Returns logits or scores (N, num_classes), label (N,) or embedding (N, D).
        Raises NotFound for an output the API does not offer, BudgetExhausted when N exceeds what is left.
        """
        ...
