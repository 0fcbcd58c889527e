"""ROC curves of a run's attacks, on linear and on logarithmic axes, each with its interval.

The band is the exact 95 % interval of the share of members at that threshold (Clopper and Pearson), as that of
`tpr_at_fpr` in results.json: it takes the threshold as given. Curves are of the first repeat. On linear axes points are
joined, so that the area below is the AUC; on logarithmic ones a line steps, since no threshold lies between two.
"""

from collections.abc import Mapping
from typing import Literal

import altair as alt
import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta

from leakdrill.metrics import Judged, roc
from leakdrill.report.figures import FAINT, Figure, Rows, figure, line_colours, line_dashes, named

MOST_POINTS = 160  # of each curve


def roc_figures(judged: Mapping[str, Judged], unit: str = "example") -> list[Figure]:
    """Two figures for attacks judged on the same unit, `photo` being those of whole people; none without attacks."""
    if not judged:
        return []
    names = list(judged)
    rows = [row for name, one in judged.items() for row in curve(name, one, has_band=unit != "photo")]
    least = min(1 / one.num_non_members for one in judged.values())
    of = {"identity": "people", "photo": "people's photos"}.get(unit, "members")
    listed = ", ".join(names)
    return [
        figure(
            f"roc-linear-{unit}",
            "Linear axes",
            f"ROC curves of {listed}: the share of {of} identified against the share of others wrongly accused. "
            "The diagonal is a guess; the table of attacks has the areas below.",
            _chart(names, "linear", 0.0),
            {"points": rows, "guess": _guess([0.0, 1.0])},
        ),
        figure(
            f"roc-log-{unit}",
            "Logarithmic axes: few false accusations",
            f"The same curves of {listed} on logarithmic axes, down to one false accusation among all others.",
            _chart(names, "log", least),
            {
                "points": [row for row in rows if row["fpr"] > 0 and row["tpr"] > 0],
                "guess": _guess(np.geomspace(least, 1, 40).tolist()),
            },
        ),
    ]


def curve(name: str, judged: Judged, has_band: bool = True) -> Rows:
    """Points of one curve with the interval of each, no more than MOST_POINTS, in rising order.

    Without a band an interval is its point: examples that belong together have none that is as simple.
    """
    fpr, tpr, _ = roc(judged.scores[0], judged.is_member)
    kept = _spread_out(np.rint(fpr * judged.num_non_members).astype(int))
    hits = np.rint(tpr[kept] * judged.num_members)
    misses = judged.num_members - hits
    low = np.where(hits > 0, beta.ppf(0.025, np.maximum(hits, 1), misses + 1), 0.0)
    high = np.where(misses > 0, beta.ppf(0.975, hits + 1, np.maximum(misses, 1)), 1.0)
    columns = (fpr[kept], tpr[kept], low, high) if has_band else (fpr[kept], *[tpr[kept]] * 3)
    return [
        {"name": name, "fpr": round(x, 5), "tpr": round(y, 5), "low": round(a, 4), "high": round(b, 4)}
        for x, y, a, b in zip(*(column.tolist() for column in columns), strict=True)
    ]


def _spread_out(false_positives: NDArray[np.int64]) -> NDArray[np.int64]:
    """Positions that cover both axes evenly: the last at each of some counts, and the first and last of all."""
    most = int(false_positives[-1])
    half = MOST_POINTS // 2
    wanted = np.unique(np.r_[0, np.linspace(0, most, half), np.geomspace(1, max(most, 1), half)].astype(int))
    last = np.searchsorted(false_positives, wanted, "right") - 1
    return np.unique(np.r_[0, last, len(false_positives) - 1])


def _chart(names: list[str], kind: str, least: float) -> alt.LayerChart | alt.FacetChart:
    is_log = kind == "log"
    ticks = [tick for tick in (1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0) if tick >= least]
    axis = alt.Axis(format="~%", values=ticks) if is_log else alt.Axis(format="%", tickCount=5)
    x = alt.X(
        "fpr:Q",
        title="others wrongly accused",
        scale=alt.Scale(type="log" if is_log else "linear", domain=[least, 1]),
        axis=axis,
    )
    y = alt.Y(
        "tpr:Q",
        title="members identified",
        scale=alt.Scale(type="log" if is_log else "linear", domain=[least, 1], clamp=True),
        axis=axis,
    )
    how: Literal["step-after", "linear"] = "step-after" if is_log else "linear"
    picked = alt.selection_point(fields=["name"], bind="legend")
    base = alt.Chart(named("points"))
    band = base.mark_area(interpolate=how, clip=True).encode(
        x=x,
        y=alt.Y("low:Q", title="members identified"),
        y2="high:Q",
        color=line_colours(names),
        opacity=alt.condition(picked, alt.value(0.13), alt.value(0.0)),
    )
    line = (
        base.mark_line(interpolate=how, strokeWidth=2, clip=True)
        .encode(
            x=x,
            y=y,
            color=line_colours(names),
            strokeDash=line_dashes(names),
            opacity=alt.condition(picked, alt.value(1.0), alt.value(0.15)),
            tooltip=[
                alt.Tooltip("name:N", title="attack"),
                alt.Tooltip("tpr:Q", title="members identified", format=".1%"),
                alt.Tooltip("fpr:Q", title="others accused", format=".2%"),
            ],
        )
        .add_params(picked)
    )
    guess = alt.Chart(named("guess")).mark_line(strokeDash=[3, 3], color=FAINT, strokeWidth=1).encode(x=x, y=y)
    return alt.layer(guess, band, line)


def _guess(rates: list[float]) -> Rows:
    return [{"fpr": round(rate, 6), "tpr": round(rate, 6)} for rate in rates]
