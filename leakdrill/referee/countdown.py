"""How far a sweep is, and how long the rest will take if it goes on as it did."""

import time
from collections.abc import Callable

from leakdrill.referee.estimate import duration


class Countdown:
    """Counts cells; in words: "3 of 24 cells done, about 2 min left"."""

    def __init__(self, num_cells: int, num_done: int = 0, clock: Callable[[], float] = time.monotonic) -> None:
        self.num_cells = num_cells
        self.num_done = num_done
        self._num_before = num_done
        self._clock = clock
        self._start = clock()

    def count(self) -> None:
        self.num_done += 1

    @property
    def fraction(self) -> float:
        return self.num_done / self.num_cells

    @property
    def seconds_left(self) -> float | None:
        """By the pace since this began, however many are played at once; None before the first is done."""
        num_now = self.num_done - self._num_before
        return (self._clock() - self._start) / num_now * (self.num_cells - self.num_done) if num_now else None

    def __str__(self) -> str:
        left = self.seconds_left
        done = f"{self.num_done} of {self.num_cells} cells done"
        return done if left is None else f"{done}, about {duration(left)} left"
