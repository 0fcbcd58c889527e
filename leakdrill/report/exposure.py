"""Who is exposed: which classes, and which examples most, by the strongest attack of a run."""

from dataclasses import dataclass

import altair as alt
import numpy as np
from numpy.typing import NDArray

from leakdrill.report.figures import Figure, Rows, figure, named, sides
from leakdrill.report.reading import Run
from leakdrill.report.sentence import OperatingPoint

NUM_EXPOSED = 12
_MOST_BARS = 60  # classes that fit beside each other on a page


@dataclass(frozen=True)
class Exposed:
    """One member that is named. `position` in the challenge is its opaque id: it says nothing of who it is."""

    rank: int  # 1 for the member that the attack is surest of
    position: int
    label: int
    score: float
    num_attacks: int  # of those that can be compared, how many call it a member at their own thresholds


@dataclass(frozen=True)
class ClassExposure:
    label: int
    num_members: int
    num_named: int
    num_others: int
    num_accused: int


def who_is_named(run: Run, point: OperatingPoint) -> NDArray[np.bool_] | None:
    """Who is named (n,) bool at the operating point, of what the attack was judged on; None without scores.

    At a rate it is the set that results.json counts: the highest threshold set with no more false positives.
    """
    judged = run.judged.get(point.attack.name)
    if judged is None:
        return None
    if point.fpr is None:
        decided: NDArray[np.bool_] = judged.decisions[0]
        return decided
    scores = judged.scores[0]
    ranked = np.sort(scores)[::-1]
    size = int(point.named_members + point.named_others)
    least = ranked[size - 1] if size else np.inf
    are_named: NDArray[np.bool_] = scores >= least
    return are_named


def by_class(run: Run, point: OperatingPoint) -> list[ClassExposure]:
    """Of each class, how many members and others are named; the most exposed first. None where people are judged."""
    who = who_is_named(run, point)
    if who is None or point.attack.unit == "identity":
        return []
    judged = run.judged[point.attack.name]
    found = []
    for label in np.unique(judged.labels).tolist():
        own = judged.labels == label
        inside, outside = own & judged.is_member, own & ~judged.is_member
        counts = (int(part.sum()) for part in (inside, inside & who, outside, outside & who))
        found.append(ClassExposure(label, *counts))
    return sorted(found, key=lambda each: (-each.num_named / max(each.num_members, 1), each.label))


def class_figure(classes: list[ClassExposure], attack: str) -> Figure | None:
    """Shares of members and of others named, by class, the most exposed first; None without classes to show."""
    if not classes:
        return None
    shown = classes[:_MOST_BARS]
    rows: Rows = [
        {
            "class": str(each.label),
            "side": side,
            "share": round(count / max(total, 1), 4),
            "count": f"{count} of {total}",
        }
        for each in shown
        for side, count, total in (
            ("members identified", each.num_named, each.num_members),
            ("others accused", each.num_accused, each.num_others),
        )
    ]
    chart = (
        alt.Chart(named("classes"))
        .mark_bar(opacity=0.8)
        .encode(
            x=alt.X(
                "class:N",
                sort=None,
                title="class, the most exposed first",
                axis=alt.Axis(labelAngle=0, labelOverlap="greedy", labelSeparation=4),
            ),
            xOffset=alt.XOffset("side:N"),
            y=alt.Y("share:Q", title="share named", axis=alt.Axis(format="%", tickCount=4)),
            color=sides("members identified", "others accused"),
            tooltip=["class:N", "side:N", alt.Tooltip("share:Q", format=".0%"), alt.Tooltip("count:N", title="named")],
        )
    )
    first, last = shown[0], shown[-1]
    told = (
        f"By {attack}: in class {first.label}, {first.num_named} of {first.num_members} members are identified; "
        f"in class {last.label}, {last.num_named} of {last.num_members}."
    )
    return figure("classes", "Exposure by class", told, chart, {"classes": rows}, 220)


def most_exposed(run: Run, point: OperatingPoint) -> list[Exposed]:
    """The members that the attack is surest of, the surest first."""
    judged = run.judged.get(point.attack.name)
    if judged is None:
        return []
    places = judged.labels if point.attack.unit == "identity" else run.positions[point.attack.name]
    members = np.flatnonzero(judged.is_member)
    order = members[np.argsort(-judged.scores[0][members], kind="stable")][:NUM_EXPOSED]
    same = run.positions[point.attack.name]
    alike = [one for name, one in run.judged.items() if np.array_equal(run.positions[name], same)]
    return [
        Exposed(
            rank,
            int(places[at]),
            int(judged.labels[at]),
            float(judged.scores[0][at]),
            sum(bool(one.decisions[0][at]) for one in alike),
        )
        for rank, at in enumerate(order.tolist(), start=1)
    ]
