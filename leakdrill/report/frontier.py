"""A sweep summed up: every cell's AUC by attack, the strongest attack on each, and what the model is worth there.

Cells that differ in their seed or their attack alone are one row. Over several seeds a figure is their mean with its
standard deviation; of one seed it keeps the 95 % interval over examples. What the model is worth counts once for each
seed, however many attacks were played on it in cells of their own.
"""

import statistics
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from leakdrill.report.figures import Rows
from leakdrill.report.reading import Cell, Sweep
from leakdrill.report.sentence import contenders, strongest
from leakdrill.results import AttackResult, Interval, Results, VerificationResult

SEED, ATTACKS = "seed", "attacks"
MOST_COLOURS = 8  # of single settings; more go by their value on the first axis


@dataclass(frozen=True)
class Summary:
    """A figure, and how many seeds stand behind it: low and high are its 95 % interval, or a standard deviation off."""

    value: float
    low: float
    high: float
    over: int

    @property
    def shown(self) -> str:
        if self.over > 1:
            return f"{self.value:.3f} ± {self.high - self.value:.3f}"
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"


@dataclass(frozen=True)
class Row:
    """All cells of one setting. `worth` is what the model under attack, or csmall's verification, can do."""

    name: str
    labels: dict[str, str]
    cells: list[Cell]
    auc: dict[str, Summary]  # by attack
    accuracy: dict[str, Summary]
    worth: Summary | None
    not_adaptive: list[str]  # defences that no attack of these cells expected, if they have attacks at all
    contenders: set[str]  # attacks that are no controls

    @property
    def strongest(self) -> str | None:
        return max(self.contenders, key=lambda name: (self.auc[name].value, name), default=None)


def rows_of(sweep: Sweep) -> list[Row]:
    """One for each setting but the seed and the attack, in the order of the grid."""
    grouped: dict[tuple[tuple[str, str], ...], list[Cell]] = {}
    for cell in sweep.cells:
        key = tuple((axis, label) for axis, label in cell.labels.items() if axis not in (SEED, ATTACKS))
        grouped.setdefault(key, []).append(cell)
    paying = (
        "target" if _is_for_csmall(cell.run.results for cell in sweep.cells if cell.run and cell.run.results) else None
    )
    return [_row(dict(key), cells, paying) for key, cells in grouped.items()]


def attack_names(rows: Iterable[Row]) -> list[str]:
    return list(dict.fromkeys(name for row in rows for name in row.auc))


def intervals_name(rows: Iterable[Row]) -> str:
    """What stands beside each figure, for captions."""
    over = {figure.over for row in rows for figure in (*row.auc.values(), row.worth) if figure}
    if over <= {1}:
        return "with its 95 % interval"
    spread = "as mean ± standard deviation over seeds"
    return f"{spread}, or with its 95 % interval where there is one seed" if 1 in over else spread


def utility_name(found: Iterable[Results]) -> str:
    """What the horizontal axis of the frontier says."""
    all_found = list(found)
    if any(_verified(results) for results in all_found):
        return "verification accuracy"
    return "test accuracy of csmall's model" if _is_for_csmall(all_found) else "test accuracy"


def is_before_defences(found: Iterable[Results]) -> bool:
    """Whether answers were defended in any of these, and what the model is worth was measured without that."""
    return any(
        len(results.verification) < 2 and any(each.stage == "prediction" for each in results.defences)
        for results in found
    )


def frontier_rows(rows: list[Row], metric: str) -> Rows:
    """What leakdrill.report.curves.frontier_figure draws: the strongest attack (by AUC) on each setting."""
    points: Rows = []
    for row in rows:
        name = row.strongest
        if name is None or row.worth is None:
            continue
        value = (row.auc if metric == "AUC" else row.accuracy)[name]
        ends = {"utility": row.worth.value, "worst": row.worth.low, "best": row.worth.high}
        ends |= {"value": value.value, "low": value.low, "high": value.high}
        rounded: dict[str, float] = {key: round(end, 4) for key, end in ends.items()}
        group = row.name if len(rows) <= MOST_COLOURS else next(iter(row.labels.values()), row.name)
        points.append({"name": row.name, "group": group, "attack": name, **rounded})
    return points


def run_rows(results: Results) -> Rows:
    """The same for one drill: its attacks, each over what the model is worth that it was played on."""
    points: Rows = []
    for attack in contenders(results):
        if worth := _worth(results, attack):
            ends = {"utility": worth.value, "worst": worth.low, "best": worth.high}
            ends |= {"value": attack.auc.value, "low": attack.auc.low, "high": attack.auc.high}
            rounded: dict[str, float] = {key: round(end, 4) for key, end in ends.items()}
            points.append({"name": attack.on, "group": attack.name, "attack": attack.name, **rounded})
    return points


def _is_for_csmall(found: Iterable[Results]) -> bool:
    """Whether privacy is paid for by csmall: it builds on a g_s that was obfuscated before its release."""
    return any("target" in each.models and any(one.stage == "release" for one in each.defences) for each in found)


def _row(labels: dict[str, str], cells: list[Cell], paying: str | None) -> Row:
    found = [cell.run.results for cell in cells if cell.run and cell.run.results]
    by_name: dict[str, list[AttackResult]] = {}
    for results in found:
        for attack in results.attacks:
            by_name.setdefault(attack.name, []).append(attack)
    adapted = {each.called for results in found for each in results.defences if each.attacked_adaptively}
    standing = dict.fromkeys(each.called for results in found for each in results.defences)
    return Row(
        name_of(labels),
        labels,
        cells,
        {name: _summary(attack.auc for attack in attacks) for name, attacks in by_name.items()},
        {name: _summary(attack.accuracy for attack in attacks) for name, attacks in by_name.items()},
        _summary(worths) if (worths := _worths(found, paying)) else None,
        [kind for kind in standing if kind not in adapted] if by_name else [],
        {attack.name for results in found for attack in contenders(results)},
    )


def _summary(found: Iterable[Interval]) -> Summary:
    intervals = list(found)
    if len(intervals) == 1:
        return Summary(intervals[0].value, intervals[0].low, intervals[0].high, 1)
    values = [each.value for each in intervals]
    mean, deviation = statistics.mean(values), statistics.stdev(values)
    return Summary(mean, mean - deviation, mean + deviation, len(values))


def _worths(found: list[Results], paying: str | None) -> list[Interval]:
    """One of each seed: of its cells, the one with the strongest attack decides, for it says whose members are sought.

    Two of them would be the very model twice, and would pass for a second draw.
    """
    by_seed: dict[Any, Results] = {}
    for results in found:
        seed = results.scenario.get("seed")
        if seed not in by_seed or _highest(results) > _highest(by_seed[seed]):
            by_seed[seed] = results
    return [worth for results in by_seed.values() if (worth := _worth(results, strongest(results), paying))]


def _highest(results: Results) -> float:
    """The AUC of its strongest attack; below all where it has none."""
    attack = strongest(results)
    return attack.auc.value if attack else -1.0


def _worth(results: Results, attack: AttackResult | None, paying: str | None = None) -> Interval | None:
    """Of what is sold: verification where it was tried on pairs, else the model whose members the attack seeks.

    `paying` names another model.
    """
    if tried := _verified(results):
        error = 1.96 * tried.accuracy_error
        return Interval(value=tried.accuracy, low=tried.accuracy - error, high=min(1.0, tried.accuracy + error))
    model = results.models.get(paying or ("target" if attack and attack.on.startswith("csmall/") else "source"))
    return model.test_accuracy if model else None


def _verified(results: Results) -> VerificationResult | None:
    """On a public protocol's pairs, through the live API, where that was tried; else on csmall's own photos."""
    return next(reversed(results.verification.values()), None)


def name_of(labels: dict[str, str]) -> str:
    """By the last word of each axis' dotted key and its label; by the label alone where there is one axis."""
    if len(labels) == 1:
        return next(iter(labels.values()))
    return ", ".join(f"{axis.rpartition('.')[2]} {label}" for axis, label in labels.items()) or "all cells"
