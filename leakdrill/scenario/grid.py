"""A scenario's grid: every combination of its axes that can be played is a cell, a scenario of its own.

What cannot be played is found here, before anything runs, by the checks that every scenario goes through: the schema,
the threat model, and whether networks and attacks suit the data. It is left out, with the reason.
"""

import itertools
import math
import re
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from leakdrill.errors import ScenarioError
from leakdrill.scenario.axes import Choice, choices
from leakdrill.scenario.loading import validate
from leakdrill.scenario.overrides import Raw, apply_overrides, as_written
from leakdrill.scenario.schema import ATTACK_AXIS, Scenario
from leakdrill.scenario.threat import check_threat

MAX_CELLS = 1000


class Cell(NamedTuple):
    """One combination: its name, which can be a folder's, its value on each axis, and the scenario without a grid."""

    name: str
    labels: dict[str, Any]
    scenario: Scenario


class Skipped(NamedTuple):
    """A combination that cannot be played, and why not."""

    labels: dict[str, Any]
    reason: str


@dataclass(frozen=True)
class Grid:
    """Cells in the order of the axes, the last running fastest."""

    cells: list[Cell]
    skipped: list[Skipped] = field(default_factory=list)


def expand_grid(scenario: Scenario) -> list[Cell]:
    """The cells of `expand`."""
    return expand(scenario).cells


def expand(scenario: Scenario) -> Grid:
    """All combinations; without a grid, the scenario as the one cell, unchecked.

    Raises ScenarioError for an axis that cannot be read, for a value that the scenario names and no cell can have, and
    if there is no cell at all.
    """
    if not scenario.grid:
        return Grid([Cell("", {}, scenario)])
    raw = as_written(scenario.model_copy(update={"grid": {}}))
    axes = choices(scenario, raw)
    num_cells = math.prod(len(values) for values in axes.values())
    if num_cells > MAX_CELLS:
        raise ScenarioError(f"grid: {num_cells} combinations, at most {MAX_CELLS} in one run")
    grid = Grid([])
    for number, combination in enumerate(itertools.product(*axes.values()), start=1):
        chosen = dict(zip(axes, combination, strict=True))
        labels = {axis: choice.label for axis, choice in chosen.items()}
        try:
            grid.cells.append(Cell(_name(f"{number:0{len(str(num_cells))}}", labels), labels, _cell(raw, chosen)))
        except ScenarioError as error:
            grid.skipped.append(Skipped(labels, _reason(error)))
    _check_played(axes, grid)
    return grid


def why_skipped(grid: Grid) -> list[str]:
    """A line for each reason, with what the combinations that it keeps out have in common."""
    by_reason: dict[str, list[dict[str, Any]]] = {}
    for labels, reason in grid.skipped:
        by_reason.setdefault(reason, []).append(labels)
    lines = []
    for reason, kept_out in by_reason.items():
        common = [
            f"{axis}={label}" for axis, label in kept_out[0].items() if all(each[axis] == label for each in kept_out)
        ]
        count = f" ({len(kept_out)} cells)" if len(kept_out) > 1 else ""
        lines.append(f"skipped {', '.join(common)}{count}: {reason}")
    return lines


def _cell(raw: Raw, chosen: dict[str, Choice]) -> Scenario:
    """Raises ScenarioError if it cannot be played."""
    in_order = sorted(chosen, key=lambda axis: axis != ATTACK_AXIS)  # settings of an attack come after the attack
    overrides = {key: value for axis in in_order for key, value in chosen[axis].overrides.items()}
    scenario = validate(apply_overrides(raw, overrides, "grid:"), "grid")
    check_threat(scenario)
    return scenario


def _check_played(axes: dict[str, list[Choice]], grid: Grid) -> None:
    """Raises ScenarioError, with the first reason, for what was asked for by name and is in no cell."""
    for axis, values in axes.items():
        for choice in values:
            reasons = [each.reason for each in grid.skipped if each.labels[axis] == choice.label]
            is_played = any(cell.labels[axis] == choice.label for cell in grid.cells)
            if reasons and not is_played and (choice.is_named or not grid.cells):
                raise ScenarioError(f"grid: {axis}={choice.label} can be played in no cell: {reasons[0]}")


def _reason(error: ScenarioError) -> str:
    return "; ".join(line.strip() for line in str(error).removeprefix("grid: ").splitlines())


def _name(number: str, labels: dict[str, Any]) -> str:
    """So that names sort in the order of the grid."""
    settings = ",".join(f"{axis}={label}" for axis, label in labels.items())
    return re.sub(r"[^\w.,=+-]+", "_", f"{number}-{settings}")[:120]
