"""The scoreboard: who has done how well, at what price, for a terminal. What it shows, players know already."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.table import Table
from rich.text import Text

from leakdrill.player.seats import Seat
from leakdrill.player.spent import Spent
from leakdrill.player.submissions import Submission, read_on
from leakdrill.player.telling import in_hundredths, told
from leakdrill.results import Interval


@dataclass(frozen=True)
class Line:
    name: str
    best: Interval | None  # as its player was told; None: no submission yet
    num_queries: int
    num_submissions: int
    most: int

    @property
    def auc(self) -> str:
        return in_hundredths(self.best) if self.best else "-"


class Scoreboard:
    """Of one run; every look reads what has come since. Several threads may look."""

    def __init__(self, run_dir: Path, seats: tuple[Seat, ...]) -> None:
        self._run_dir = run_dir
        self._seats = seats
        self._spent = Spent(run_dir)
        self._record: list[Submission] = []
        self._read_bytes = 0
        self._lock = threading.Lock()

    def standings(self) -> list[Line]:
        """The best first; of equals, who asked less. What is not told to players (a third decimal) ranks nobody."""
        with self._lock:
            added, self._read_bytes = read_on(self._run_dir, self._read_bytes)
            self._record += added
            own = {seat: [said for said in self._record if said.seat == seat.name] for seat in self._seats}
            lines = [self._line(seat, said) for seat, said in own.items()]
        return sorted(lines, key=lambda line: (-line.best.value if line.best else 1, line.num_queries, line.name))

    def _line(self, seat: Seat, own: list[Submission]) -> Line:
        best = max((told(each.result) for each in own if each.result), key=lambda auc: auc.value, default=None)
        return Line(seat.name, best, sum(self._spent.of(seat.caller).values()), len(own), seat.most)


def table(lines: Sequence[Line]) -> Table:
    drawn = Table("", "player", "best AUC", "queries", "submissions", box=None, header_style="bold")
    for place, line in enumerate(lines, start=1):
        counts = f"{line.num_queries:,}", f"{line.num_submissions} of {line.most}"
        drawn.add_row(str(place), Text(line.name), line.auc, *counts)
    return drawn
