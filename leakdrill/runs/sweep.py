"""The cells of a sweep, as they were written down when it began.

What reads a sweep takes names and settings from here and not from the grid. The grid may mean other cells to another
version (`attacks: all`), and to read it takes importing the plug-ins that it names: for a folder that somebody sent,
that would be to run their code.
"""

from typing import Annotated, Any

from pydantic import BaseModel, Field

SWEEP = "sweep.json"


class CellRecord(BaseModel):
    name: Annotated[str, Field(pattern=r"^\d[\w.,=+-]*$")]  # of a folder in the sweep's, and of no other
    labels: dict[str, Any]  # its value on each axis
    scenario: dict[str, Any] = {}  # what is played, by now and when the run is resumed


class SkipRecord(BaseModel):
    """A combination that cannot be played, and why not."""

    labels: dict[str, Any]
    reason: str


class SweepRecord(BaseModel):
    """In the order of the grid; no cells for a single drill."""

    cells: list[CellRecord] = []
    skipped: list[SkipRecord] = []
