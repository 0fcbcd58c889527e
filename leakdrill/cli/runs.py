"""Runs, read back from their folders: leakdrill.runs.reading, under the name that the commands know it by."""

from leakdrill.runs.reading import (
    CELLS,
    RESULTS,
    SCENARIO,
    cells_of,
    finished_drills,
    recorded_scenario,
    recorded_split_key,
)

__all__ = ["CELLS", "RESULTS", "SCENARIO", "cells_of", "finished_drills", "recorded_scenario", "recorded_split_key"]
