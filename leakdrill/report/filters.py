"""How numbers are written in a report; rates with their intervals are macros, since they take two lines of a cell."""

import json
from collections.abc import Callable
from typing import Any

from leakdrill.referee.deciding import in_words

NONE = "\N{EN DASH}"


def count(number: float) -> str:
    return f"{number:,.0f}"


def clock(seconds: float | None) -> str:
    """ "1:02:03", or "02:03" below an hour."""
    if seconds is None:
        return NONE
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes:02d}:{rest:02d}"


def duration(seconds: float | None) -> str:
    """ "0.4 s", "18 s", "3 min", "2.5 h"."""
    if seconds is None:
        return NONE
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def got(value: Any) -> str:
    """What an expectation was decided by."""
    if isinstance(value, dict) and {"value", "low", "high"} <= value.keys():
        return f"{got(value['value'])} [{got(value['low'])}, {got(value['high'])}]"
    if value is None:
        return NONE
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def heat(auc: float) -> int:
    """How much of the colour of danger an AUC gets, 0 at chance or below, to 100: a percentage for color-mix."""
    return round(100 * min(max(2 * (auc - 0.5), 0.0), 1.0))


def pretty(mapping: Any) -> str:
    return json.dumps(mapping, indent=2, ensure_ascii=False)


FILTERS: dict[str, Callable[..., Any]] = {
    each.__name__: each for each in (count, clock, duration, got, heat, pretty, in_words)
}
