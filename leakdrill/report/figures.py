"""A chart as the page has it: a Vega-Lite specification whose colours are the page's, light or dark.

Colours stand in a specification as `var(--name)`; the page puts in what the reader's light or dark theme has there, and
draws again when that changes. All data are in the specification, as few points as the eye can tell apart.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt

LINES = tuple(f"var(--line-{number})" for number in range(1, 9))
MEMBER, OTHER = "var(--member)", "var(--other)"
INK, FAINT = "var(--ink)", "var(--faint)"
DASHES: tuple[list[int], ...] = ([1, 0], [6, 2], [2, 2], [8, 3, 2, 3])
SHAPES = ("circle", "square", "triangle-up", "cross", "diamond", "triangle-right", "triangle-down", "triangle-left")
HEIGHT = 300  # pixels; the width is the page's

Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class Figure:
    """`described` is what somebody who cannot see the chart is told."""

    id: str
    title: str
    described: str
    spec: dict[str, Any]


def figure(
    id: str,
    title: str,
    described: str,
    chart: alt.Chart | alt.LayerChart | alt.FacetChart,
    rows: dict[str, Rows],
    height: int = HEIGHT,
) -> Figure:
    """The chart, made as wide as its place, with the `rows` that it calls by name.

    The rows join it last: checked against the schema one by one, a thousand of them would take seconds. Raises altair's
    SchemaValidationError for a chart that is none.
    """
    spec = chart.properties(width="container", height=height, description=described).to_dict()
    spec.pop("config", None)  # the page's own
    return Figure(id, title, described, spec | {"datasets": rows})


def named(name: str) -> alt.NamedData:
    """The rows of that name."""
    return alt.NamedData(name=name)


def line_colours(names: list[str], field: str = "name") -> alt.Color:
    """A colour for each name; after eight they come again, with another dash."""
    scale = alt.Scale(domain=names, range=[LINES[number % len(LINES)] for number in range(len(names))])
    return alt.Color(f"{field}:N", scale=scale, title=None)


def line_dashes(names: list[str]) -> alt.StrokeDash:
    """So that lines are told apart without colour, too; up to 32 by both."""
    scale = alt.Scale(domain=names, range=_shifting(DASHES, len(names)))
    return alt.StrokeDash("name:N", scale=scale, title=None)


def mark_shapes(names: list[str], field: str) -> alt.Shape:
    """The same for marks; up to 64 by shape and colour."""
    return alt.Shape(f"{field}:N", scale=alt.Scale(domain=names, range=_shifting(SHAPES, len(names))), title=None)


def _shifting(values: Sequence[Any], num: int) -> list[Any]:
    """`values` over and over, one further on whenever the colours come again: no pair of both comes twice soon."""
    return [values[(number + number // len(LINES)) % len(values)] for number in range(num)]


def sides(members: str, others: str) -> alt.Color:
    """Members and others, always in the same two colours."""
    scale = alt.Scale(domain=[members, others], range=[MEMBER, OTHER])
    return alt.Color("side:N", scale=scale, legend=None)  # one key for all of them stands on the page
