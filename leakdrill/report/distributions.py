"""How an attack's scores lie for members and for others, in one figure for each attack.

Of people, where whole people are judged, it is FaceLeaks' figure 4, with a mark for each person below it: the
distribution of S^y, or of mean distances, where the attack notes which of its scores is which of these. They are
smaller for likelier members; all other scores are higher.
"""

import math
from collections.abc import Mapping, Sequence

import altair as alt
import numpy as np
from numpy.typing import NDArray

from leakdrill.metrics import Judged
from leakdrill.report.figures import INK, Figure, Rows, figure, named, sides
from leakdrill.results import AttackResult

#: What class_based goes by, in words.
MEASURED = {"spread": "S^y, a person's spread", "mean": "mean distance between a person's photos"} | {
    name: f"{name} of the distances between a person's photos" for name in ("median", "variance")
}
NUM_BINS = 40
NUM_BINS_OF_PEOPLE = 16
_TAIL = 0.005  # of the scores, at each end: they are counted in the outermost bins, or one would take all the width
_HEIGHT = 170

Floats = NDArray[np.float64]


def distribution_figures(judged: Mapping[str, Judged], attacks: Sequence[AttackResult]) -> list[Figure]:
    """One for each attack that has scores, in the order of `judged`; `attacks` say whether they are about people."""
    known = {attack.name: attack for attack in attacks}
    return [_figure(name, one, known.get(name)) for name, one in judged.items()]


def _figure(name: str, judged: Judged, attack: AttackResult | None) -> Figure:
    are_people = attack is not None and attack.unit == "identity"
    members, others = ("people in the data", "other people") if are_people else ("members", "others")
    scores, truth = judged.scores[0], judged.is_member
    measured = _measured(attack)
    if measured is not None:
        scores = measured[1] - scores
    edges = _edges(scores, NUM_BINS_OF_PEOPLE if are_people else NUM_BINS)
    rows = {"bars": [*_bars(scores[truth], edges, members), *_bars(scores[~truth], edges, others)]}
    title = measured[0] if measured else "score, higher for likelier members"
    layers = [_bar_chart(members, others, title)]
    threshold = own_threshold(judged.scores[0], judged.decisions[0])
    at = threshold if threshold is None or measured is None else measured[1] - threshold
    if at is not None and edges[0] < at < edges[-1]:
        rows["threshold"] = [{"threshold": float(f"{at:.6g}")}]
        layers.append(_rule())
    if are_people:
        rows["people"] = _people(np.clip(scores, edges[0], edges[-1]), truth, members, others)
        layers.append(_marks(members, others))
    medians = f"median {np.median(scores[truth]):.3g} for {members}, {np.median(scores[~truth]):.3g} for {others}"
    return figure(
        f"scores-{name}",
        name,
        f"Distribution of {title if measured else 'the scores'} of {name}, {'smaller' if measured else 'higher'} for "
        f"likelier members: {medians}.",
        alt.layer(*layers),
        rows,
        _HEIGHT,
    )


def own_threshold(scores: Floats, decisions: NDArray[np.bool_]) -> float | None:
    """Where the adversary drew its line, if its decisions (N,) follow one threshold of its scores (N,)."""
    if not decisions.any() or decisions.all():
        return None
    lowest, highest = float(scores[decisions].min()), float(scores[~decisions].max())
    return (lowest + highest) / 2 if lowest > highest else None


def _edges(scores: Floats, num: int) -> Floats:
    low, high = (float(edge) for edge in np.quantile(scores, [_TAIL, 1 - _TAIL]))
    if high <= low:
        low, high = low - 0.5, high + 0.5
    return np.linspace(low, high, num + 1)


def _bars(scores: Floats, edges: Floats, side: str) -> Rows:
    counts, _ = np.histogram(np.clip(scores, edges[0], edges[-1]), edges)
    return [
        {"side": side, "from": float(f"{low:.6g}"), "to": float(f"{high:.6g}"), "share": round(count / len(scores), 5)}
        for low, high, count in zip(edges.tolist(), edges[1:].tolist(), counts.tolist(), strict=False)
        if count
    ]


def _bar_chart(members: str, others: str, title: str) -> alt.Chart:
    chart: alt.Chart = (
        alt.Chart(named("bars"))
        .mark_bar(opacity=0.55, binSpacing=0, strokeWidth=0)
        .encode(
            x=alt.X("from:Q", bin="binned", title=title, axis=alt.Axis(tickCount=5, format=".4~r")),
            x2="to:Q",
            y=alt.Y("share:Q", stack=None, title="share", axis=alt.Axis(format="%", tickCount=4)),
            color=sides(members, others),
            tooltip=[
                alt.Tooltip("side:N", title="of"),
                alt.Tooltip("share:Q", title="share", format=".1%"),
                alt.Tooltip("from:Q", title="scores from", format=".4~g"),
                alt.Tooltip("to:Q", title="to", format=".4~g"),
            ],
        )
    )
    return chart


def _rule() -> alt.Chart:
    """The adversary's own line; what is beyond it, on the side of likelier members, it calls one."""
    chart: alt.Chart = (
        alt.Chart(named("threshold"))
        .mark_rule(color=INK, strokeDash=[4, 3], strokeWidth=1.5)
        .encode(x="threshold:Q", tooltip=alt.Tooltip("threshold:Q", title="the adversary's threshold", format=".4~g"))
    )
    return chart


def _people(scores: Floats, truth: NDArray[np.bool_], members: str, others: str) -> Rows:
    return [
        {"score": float(f"{score:.6g}"), "side": members if is_member else others}
        for score, is_member in zip(scores.tolist(), truth.tolist(), strict=True)
    ]


def _marks(members: str, others: str) -> alt.Chart:
    chart: alt.Chart = (
        alt.Chart(named("people"))
        .mark_tick(thickness=1.5, size=10, opacity=0.9, yOffset=-6)
        .encode(x="score:Q", y=alt.value(_HEIGHT), color=sides(members, others))
    )
    return chart


def _measured(attack: AttackResult | None) -> tuple[str, float] | None:
    """What class-based inference measured of a person, and how much of it a score of 0 is, if its notes say so."""
    if attack is None or attack.kind != "class_based":
        return None
    title, middle = MEASURED.get(str(attack.notes.get("measured"))), attack.notes.get("score_0_is")
    if title is None or not isinstance(middle, float) or not math.isfinite(middle):
        return None
    return title, middle
