"""What an adversary's own rows say of the columns of a table: which are bits, and over what range the others lie."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from leakdrill.archs.standardise import is_binary
from leakdrill.data.examples import Examples
from leakdrill.labelonly.space import Floats


@dataclass(frozen=True)
class Columns:
    """All arrays are (F,). A search takes place in the unit box, where every column's range is from 0 to 1."""

    is_binary: NDArray[np.bool_]
    low: Floats
    span: Floats  # from the lowest value to the highest; 1 for a bit, and where there is only one value

    @classmethod
    def of(cls, *pools: Examples) -> "Columns":
        binary = np.logical_and.reduce([is_binary(pool.inputs) for pool in pools])
        low = np.minimum.reduce([pool.inputs.min(axis=0) for pool in pools])
        span = np.maximum.reduce([pool.inputs.max(axis=0) for pool in pools]) - low
        return cls(binary, np.where(binary, 0, low), np.where(binary | (span == 0), 1, span))

    def to_unit(self, rows: Floats) -> Floats:
        unit: Floats = ((rows - self.low) / self.span).astype(np.float32)
        return unit

    def from_unit(self, unit: Floats) -> Floats:
        rows: Floats = (unit * self.span + self.low).astype(np.float32)
        return rows
