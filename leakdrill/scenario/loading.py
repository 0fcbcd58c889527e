"""From a YAML file and a few overrides to a checked scenario, or to one for each cell of its grid."""

import itertools
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import ValidationError

from leakdrill.errors import ScenarioError
from leakdrill.scenario.anchors import anchored
from leakdrill.scenario.explain import explain
from leakdrill.scenario.overrides import Raw, apply_overrides, as_written, parse_overrides
from leakdrill.scenario.safe_yaml import MAX_BYTES, parse_yaml
from leakdrill.scenario.schema import Scenario
from leakdrill.scenario.suggest import suggest

SCENARIOS = Path(__file__).resolve().parents[2] / "scenarios"
MAX_CELLS = 1000


@dataclass(frozen=True)
class Loaded:
    """`raw` is the mapping that was validated: the file with its overrides."""

    name: str
    scenario: Scenario
    path: Path
    raw: Raw


class Cell(NamedTuple):
    """One combination of a grid: what it sets, and the scenario with that set and no grid."""

    name: str
    overrides: dict[str, Any]
    scenario: Scenario


def load_scenario(path: Path | str, overrides: Sequence[str] = (), smoke: bool = False) -> Loaded:
    """The scenario in a file, or the one of that name in scenarios/, with `smoke` and then `overrides` applied.

    overrides: "key=value", see leakdrill.scenario.overrides. Raises ScenarioError for everything that is wrong with
    any of it, one line for each key.
    """
    file = _find(path)
    raw = anchored(parse_yaml(_read(file), origin=str(file)), file.parent)
    if not isinstance(raw, dict):
        raise ScenarioError(
            f"{file}: wanted a mapping with question, data, cbig and timeline, got {type(raw).__name__}"
        )
    if smoke:
        raw = apply_overrides(raw, _smoke(raw, file), origin=f"{file}: smoke:")
    raw = apply_overrides(raw, anchored(parse_overrides(overrides), Path()), origin="--set")
    return Loaded(file.stem, validate(raw, origin=str(file)), file, raw)


def expand_grid(scenario: Scenario) -> list[Cell]:
    """A scenario for every combination of the grid's values, numbered in its order; without a grid, the one cell."""
    if not scenario.grid:
        return [Cell("", {}, scenario)]
    for key, values in scenario.grid.items():
        if not values:
            raise ScenarioError(f"grid: {key} has no values, so there is nothing to run")
    num_cells = math.prod(len(values) for values in scenario.grid.values())
    if num_cells > MAX_CELLS:
        raise ScenarioError(f"grid: {num_cells} combinations, at most {MAX_CELLS} in one run")
    raw = as_written(scenario.model_copy(update={"grid": {}}))
    combinations = itertools.product(*scenario.grid.values())
    cells = [dict(zip(scenario.grid, values, strict=True)) for values in combinations]
    return [_cell(raw, number, overrides, len(str(num_cells))) for number, overrides in enumerate(cells, start=1)]


def find_scenarios() -> dict[str, str]:
    """The scenarios shipped with the checkout: name -> question."""
    return {file.stem: _question(file) for file in sorted(SCENARIOS.glob("*.yaml"))}


def validate(raw: Any, origin: str) -> Scenario:
    """Raises ScenarioError beginning with `origin`, with a line for each key that is wrong."""
    try:
        return Scenario.model_validate(raw)
    except ValidationError as error:
        lines = explain(error, raw)
        if len(lines) == 1:
            raise ScenarioError(f"{origin}: {lines[0]}") from error
        raise ScenarioError("\n  ".join([f"{origin}: {len(lines)} problems", *lines])) from error


def _find(path: Path | str) -> Path:
    """A bare word is a scenario of the checkout; anything with a folder or an ending is a file."""
    file = Path(path)
    if file.suffix or file.parent != Path():
        if not file.is_file():
            raise ScenarioError(f"there is no scenario file {file}")
        return file
    shipped = SCENARIOS / f"{file.name}.yaml"
    if not shipped.is_file():
        raise ScenarioError(f"there is no scenario {file.name!r}: {suggest(file.name, find_scenarios())}")
    return shipped


def _read(file: Path) -> str:
    if file.stat().st_size > MAX_BYTES:
        raise ScenarioError(f"{file}: {file.stat().st_size} bytes, a scenario has at most {MAX_BYTES}")
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ScenarioError(f"{file}: not a text file in UTF-8: {error}") from error


def _smoke(raw: Raw, file: Path) -> Mapping[str, Any]:
    smoke = raw.get("smoke")
    if not isinstance(smoke, dict) or not smoke:
        raise ScenarioError(f"{file} has no smoke size: add a block `smoke:` with the keys to make smaller")
    return smoke


def _cell(raw: Raw, number: int, overrides: dict[str, Any], num_digits: int) -> Cell:
    """Named so that names sort in the order of the grid, and can be a folder's."""
    settings = ",".join(f"{key}={value}" for key, value in overrides.items())
    name = re.sub(r"[^\w.,=+-]+", "_", f"{number:0{num_digits}}-{settings}")[:120]
    return Cell(name, overrides, validate(apply_overrides(raw, overrides, "grid:"), f"grid cell {settings}"))


def _question(file: Path) -> str:
    try:
        raw = parse_yaml(_read(file), origin=file.name)
    except ScenarioError as error:
        return f"(cannot be read: {error})"
    return str(raw.get("question", "")) if isinstance(raw, dict) else ""
