"""Distributions of traits, each for women and for men, drawn for n people at a time: arrays have n entries."""

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

# All are float32, but NumPy's stubs take float32 times a Python float for float64.
Vector = NDArray[np.floating[Any]]  # (n,)
Column = NDArray[np.floating[Any]]  # (n, 1, 1), to meet planes (n, height, width)
Number = TypeVar("Number", float, Column)  # of a look: a name's in a table, or a column for n drawn names


class Dice(NamedTuple):
    """What chance brings to one trait of n people: uniform in [0, 1) and standard normal, of which it uses one."""

    uniform: Vector
    normal: Vector
    male: Vector  # 1 for men, 0 for women


class Distribution(Protocol):
    def draw(self, dice: Dice) -> Vector: ...


class Normal(NamedTuple):
    """Means for women and men, and the standard deviation of both."""

    female: float
    male: float
    sd: float

    def draw(self, dice: Dice) -> Vector:
        value: Vector = self.female + (self.male - self.female) * dice.male + self.sd * dice.normal
        return value


class Uniform(NamedTuple):
    low: float
    high: float

    def draw(self, dice: Dice) -> Vector:
        value: Vector = self.low + (self.high - self.low) * dice.uniform
        return value


class Chance(NamedTuple):
    """1 with these probabilities for women and men, else 0."""

    female: float
    male: float

    def draw(self, dice: Dice) -> Vector:
        return (dice.uniform < self.female + (self.male - self.female) * dice.male).astype(np.float32)


class Choice:
    """The index of a name in `names`, given weights (female, male) that need not sum to 1."""

    def __init__(self, weights: Mapping[str, tuple[float, float]]) -> None:
        self.names = list(weights)
        shares = np.cumsum(np.array(list(weights.values())), axis=0)
        self._upper = (shares / shares[-1])[:-1, :, None]  # (names - 1, gender, 1)

    def draw(self, dice: Dice) -> Vector:
        upper = np.where(dice.male, self._upper[:, 1], self._upper[:, 0])
        index: Vector = np.add.reduce(dice.uniform >= upper, axis=0, dtype=np.float32)
        return index

    def look_up(self, index: Column, looks: Mapping[str, tuple[float, ...]]) -> list[Column]:
        """The drawn names' numbers in `looks`, a column (n, 1, 1) for each."""
        rows = np.array([looks[name] for name in self.names], dtype=np.float32)
        return list(rows[index.ravel().astype(np.intp)].T[:, :, None, None])


def offset(sd: float) -> Normal:
    """A signed deviation from the neutral pose, the same for women and men."""
    return Normal(0.0, 0.0, sd)
