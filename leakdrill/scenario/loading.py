"""From a YAML file and a few overrides to a checked scenario."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from leakdrill.errors import ScenarioError
from leakdrill.scenario.anchors import anchored
from leakdrill.scenario.explain import explain
from leakdrill.scenario.overrides import Raw, apply_overrides, parse_overrides
from leakdrill.scenario.safe_yaml import MAX_BYTES, parse_yaml
from leakdrill.scenario.schema import Scenario
from leakdrill.shipped import SCENARIOS, SWEEPS
from leakdrill.suggest import suggest


@dataclass(frozen=True)
class Loaded:
    """`raw` is the mapping that was validated: the file with its overrides."""

    name: str
    scenario: Scenario
    path: Path
    raw: Raw


def load_scenario(path: Path | str, overrides: Sequence[str] = (), smoke: bool = False) -> Loaded:
    """The scenario in a file, or of that name in scenarios/ or sweeps/, with `smoke` and then `overrides` applied.

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


def find_scenarios() -> dict[str, str]:
    """The scenarios shipped with the library: name -> question."""
    return _questions(SCENARIOS)


def find_sweeps() -> dict[str, str]:
    """The sweeps shipped with the library: name -> question."""
    return _questions(SWEEPS)


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
    """A bare word is a scenario or a sweep that is shipped; anything with a folder or an ending is a file."""
    file = Path(path)
    if file.suffix or file.parent != Path():
        if not file.is_file():
            raise ScenarioError(f"there is no scenario file {file}")
        return file
    for folder in (SCENARIOS, SWEEPS):
        if (shipped := folder / f"{file.name}.yaml").is_file():
            return shipped
    known = {**find_scenarios(), **find_sweeps()}
    raise ScenarioError(f"there is no scenario or sweep {file.name!r}: {suggest(file.name, known)}")


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


def _questions(folder: Path) -> dict[str, str]:
    return {file.stem: _question(file) for file in sorted(folder.glob("*.yaml"))}


def _question(file: Path) -> str:
    try:
        raw = parse_yaml(_read(file), origin=file.name)
    except ScenarioError as error:
        return f"(cannot be read: {error})"
    return str(raw.get("question", "")) if isinstance(raw, dict) else ""
