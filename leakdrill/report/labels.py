"""What a cell of a grid is called on its axes, in a word or two: what tells it from the other cells."""

from collections.abc import Sequence
from typing import Any

NONE = "none"


def words(cells: Sequence[dict[str, Any]]) -> list[dict[str, str]]:
    """The value of each cell on each axis, as people would say it."""
    return [
        {axis: word(value, [other.get(axis) for other in cells]) for axis, value in labels.items()} for labels in cells
    ]


def word(value: Any, of_all: Sequence[Any]) -> str:
    """Of a mapping the first keys that tell it from the others; of defences and attacks their kinds and settings."""
    if isinstance(value, list):
        return " + ".join(_component(each) for each in value) or NONE
    others = [other for other in of_all if other != value]
    if not isinstance(value, dict) or not all(isinstance(other, dict) for other in others):
        return str(value)
    if "kind" in value:
        return _component(value)
    said = []
    for key, content in value.items():
        alike = [other for other in others if other.get(key) == content]
        if len(alike) < len(others):
            said.append(f"{key} {content}")
            others = alike
    return ", ".join(said) or str(value)


def _component(value: Any) -> str:
    if not isinstance(value, dict) or "kind" not in value:
        return str(value)
    return " ".join([str(value["kind"]), *(f"{key}={setting}" for key, setting in value.items() if key != "kind")])
