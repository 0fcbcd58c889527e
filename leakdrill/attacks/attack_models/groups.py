"""What every attack model is fitted on, and what it becomes: records in groups, and a judge of new ones."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Judgement = tuple[NDArray[np.float64], NDArray[np.bool_]]


@dataclass(frozen=True)
class Grouped:
    """Attack records in groups 0 to G - 1 (usually classes), each of which holds members and non-members."""

    inputs: NDArray[np.float64]  # (R, F)
    groups: NDArray[np.int64]  # (R,)
    is_member: NDArray[np.bool_]  # (R,)

    @property
    def num_groups(self) -> int:
        return int(self.groups.max()) + 1


#: Inputs (N, F) and their groups (N,) -> scores (N,), higher = more likely member, and decisions (N,).
Judge = Callable[[NDArray[np.float64], NDArray[np.int64]], Judgement]
#: Fits one attack model for every group; the seed decides whatever is random in that.
Fitter = Callable[[Grouped, int], Judge]
