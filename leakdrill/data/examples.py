"""A split of examples as a party holds it: inputs and labels, and never anything about membership."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: Images (N, H, W, 3) uint8, or rows of a table (N, F) float32.
Inputs = NDArray[Any]


@dataclass(frozen=True)
class Examples:
    """Inputs, possibly a memory map larger than memory; labels (N,) int64."""

    inputs: Inputs
    labels: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, indices: NDArray[np.int64]) -> "Examples":
        """The examples at `indices`, copied into memory."""
        return Examples(np.asarray(self.inputs[indices]), self.labels[indices])


def joined(*parts: Examples) -> Examples:
    """One after the other, in memory. All have inputs of one shape."""
    return Examples(np.concatenate([part.inputs for part in parts]), np.concatenate([part.labels for part in parts]))
