"""What a query buys, for attacks that say what fewer would have come to; what privacy costs, over a sweep's cells."""

from collections.abc import Sequence

import altair as alt

from leakdrill.report.figures import FAINT, Figure, Rows, figure, line_colours, line_dashes, mark_shapes, named
from leakdrill.results import AttackResult


def query_figure(attacks: Sequence[AttackResult]) -> Figure | None:
    """AUC over queries per example, with intervals; None where no attack has more than one point."""
    curved = [attack for attack in attacks if len(attack.curve) > 1]
    if not curved:
        return None
    names = [attack.name for attack in attacks if attack.curve]
    rows: Rows = [
        {
            "name": attack.name,
            "queries": max(point.queries, 1),
            "auc": round(point.auc.value, 4),
            "low": round(point.auc.low, 4),
            "high": round(point.auc.high, 4),
        }
        for attack in attacks
        for point in attack.curve
    ]
    x = alt.X(
        "queries:Q", title="queries per example", scale=alt.Scale(type="log"), axis=alt.Axis(tickCount=5, grid=False)
    )
    y = alt.Y("auc:Q", title="AUC", scale=alt.Scale(zero=False), axis=alt.Axis(format=".2f"))
    base = alt.Chart(named("points"))
    band = base.mark_area(opacity=0.13).encode(
        x=x, y=alt.Y("low:Q", title="AUC"), y2="high:Q", color=line_colours(names)
    )
    line = base.mark_line(point=alt.OverlayMarkDef(size=40), strokeWidth=2).encode(
        x=x,
        y=y,
        color=line_colours(names),
        strokeDash=line_dashes(names),
        tooltip=["name:N", alt.Tooltip("queries:Q", format=","), alt.Tooltip("auc:Q", title="AUC", format=".3f")],
    )
    ends = ", ".join(f"{a.name} from {a.curve[0].auc.value:.3f} to {a.curve[-1].auc.value:.3f}" for a in curved)
    return figure(
        "queries", "AUC over queries per example", f"What a query buys: {ends}.", band + line, {"points": rows}
    )


def frontier_figure(rows: Rows, utility: str, metric: str, title: str) -> Figure:
    """Attacks against what the model is worth: low and to the right is best.

    Rows have name (of the setting), group (what gives it its colour), attack, utility and its interval `worst` to
    `best`, value and its `low` and `high`.
    """
    groups = list(dict.fromkeys(str(row["group"]) for row in rows))
    x = alt.X("utility:Q", title=utility, scale=alt.Scale(zero=False, padding=12), axis=alt.Axis(format="%"))
    y = alt.Y("value:Q", title=title, scale=alt.Scale(zero=False, padding=12), axis=alt.Axis(format=".2f"))
    colour = line_colours(groups, "group")
    base = alt.Chart(named("settings"))
    tips = [
        alt.Tooltip("name:N", title="setting"),
        alt.Tooltip("attack:N", title="attack"),
        alt.Tooltip("value:Q", title=metric, format=".3f"),
        alt.Tooltip("utility:Q", title=utility, format=".1%"),
    ]
    upright = base.mark_rule(strokeWidth=1.5, opacity=0.6).encode(
        x=x, y=alt.Y("low:Q", title=title), y2="high:Q", color=colour
    )
    across = base.mark_rule(strokeWidth=1.5, opacity=0.6).encode(
        x=alt.X("worst:Q", title=utility), x2="best:Q", y=y, color=colour
    )
    shape = mark_shapes(groups, "group")
    points = base.mark_point(size=90, filled=True, opacity=1).encode(x=x, y=y, color=colour, shape=shape, tooltip=tips)
    chance = alt.Chart(named("chance")).mark_rule(color=FAINT, strokeDash=[3, 3]).encode(y="at:Q")
    told = "; ".join(
        f"{row['name']}, {row['attack']}: {utility} {row['utility']:.1%}, {metric} {row['value']:.3f}" for row in rows
    )
    settings = {"settings": rows, "chance": [{"at": 0.5}]}
    return figure(f"frontier-{metric}", title, told, chance + upright + across + points, settings)
