"""How often a spy looks before a test says what it saw: once, and where that would fail the test, once more."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from collecting import Evidence, Parties, Plant, collect
from detectors import best_column, is_at_chance, tells, verdicts

SECOND = 1000  # the first drill of a second look, whose splits and seeds are none of the first one's


def looks(
    parties: Parties, num_drills: int, where: Path, plant: Plant | None = None, **options: Any
) -> Iterator[list[Evidence]]:
    """Two looks, each played when it is asked for; the second at twice as many drills, and at none of the first."""
    yield collect(parties, num_drills, where, plant, **options)
    yield collect(parties, 2 * num_drills, where, plant, first=SECOND, **options)


def assert_at_chance(seen: Iterable[list[Evidence]]) -> None:
    """Fails where no look is at chance.

    One look calls a referee who gives nothing away a leak once in 1,000 times (detectors.LEVEL), two do so once in a
    million. A leak does not escape for that: the second look is the sharper one.
    """
    for drills in seen:
        found = verdicts(drills)
        if is_at_chance(found):
            return
    raise AssertionError((found, best_column(drills)))


def assert_found_out(seen: Iterable[list[Evidence]]) -> None:
    """Fails where no look tells. One who is blind passes as one who sees in fewer than 2 of 1,000 times."""
    for drills in seen:
        found = verdicts(drills)
        if tells(found):
            return
    raise AssertionError((found, best_column(drills)))
