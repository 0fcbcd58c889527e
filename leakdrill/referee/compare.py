"""Which figures of two runs differ: everything in results.json but times and the machine."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from leakdrill.results import Results

MACHINE = "environment"
MISSING = "missing"


@dataclass(frozen=True)
class Difference:
    figure: str  # dotted: "attacks.after.auc.value"
    then: Any  # MISSING where the run has no such figure
    now: Any


def figures(results: Results) -> dict[str, Any]:
    """Every figure of a run by its dotted name; the elements of a list go by their own name where they have one."""
    return dict(_leaves("", results.model_dump(mode="json", exclude={MACHINE})))


def differences(then: Results, now: Results) -> list[Difference]:
    """The figures that are not exactly equal, in the order of results.json."""
    before, after = figures(then), figures(now)
    compared = [Difference(name, before.get(name, MISSING), after.get(name, MISSING)) for name in before | after]
    return [figure for figure in compared if figure.then != figure.now]


def _leaves(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    parts: list[tuple[str, Any]] = []
    if isinstance(value, dict):
        parts = [(name, part) for name, part in value.items() if not _is_time(name)]
    elif isinstance(value, list):
        parts = [(_name(part, index), part) for index, part in enumerate(value)]
    else:
        yield path, value
    for name, part in parts:
        yield from _leaves(f"{path}.{name}" if path else name, part)


def _is_time(name: str) -> bool:
    return name == "seconds" or name.endswith("_seconds")


def _name(part: Any, index: int) -> str:
    return str(part["name"]) if isinstance(part, dict) and part.get("name") else str(index)
