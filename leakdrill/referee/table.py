"""What a run found, as tables for the console: rates in percent, AUC as a fraction, each with its interval."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from rich import box
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.table import Table
from rich.text import Text

from leakdrill.counted import counted
from leakdrill.labelonly.budgets import BUDGETS
from leakdrill.referee.noted import noted
from leakdrill.referee.outcomes import UNDEFINED, VERDICT_STYLES, expectation_lines, verdict_line
from leakdrill.results import (
    AttackResult,
    BreachResult,
    Interval,
    ResponseResult,
    Results,
    VerificationResult,
)

WIDE = 98  # columns for an attack's row with its queries and what these took; without them it fits into 80
WIDER = 107  # with its seconds as well, where its queries have a price


def render(results: Results) -> RenderableType:
    """The question, the models, the attacks and the baseline, the expectations, and the verdict in plain words."""
    parts: list[RenderableType] = [Text(str(results.scenario["question"]), style="bold")]
    if results.models:
        parts += [Text(), _models(results)]
    parts += [_verification(pairs, tried) for pairs, tried in results.verification.items()]
    parts += [_breach(breach) for breach in results.breaches]
    parts += [_response(response, len(results.scenario["timeline"])) for response in results.responses]
    if results.attacks or results.baseline:
        parts += [Text(), _Attacks(results)]
    if results.defences:
        parts += [Text(), _defences(results)]
    parts += _what_a_query_buys(results.attacks)
    if results.expectations:
        parts += [Text(), *map(expectation_lines, results.expectations)]
    return Group(*parts, Text(), verdict_line(results))


def render_cells(cells: Sequence[tuple[dict[str, Any], Results]]) -> RenderableType:
    """One row for each attack of each cell of a grid; a cell is what the grid set it to, and its results."""
    settings = list(cells[0][0])
    shown = [setting.rpartition(".")[2] for setting in settings]
    table = _table([*shown, "attack"], ["AUC", "accuracy", "precision", "recall"])
    table.add_column("verdict")
    for values, results in cells:
        verdict = Text(results.verdict, style=VERDICT_STYLES[results.verdict])
        label = [_setting(values[setting], [other[setting] for other, _ in cells]) for setting in settings]
        for attack in results.attacks:
            table.add_row(*label, attack.name, *_rates(attack), verdict)
        if not results.attacks:
            table.add_row(*label, *[UNDEFINED] * 5, verdict)
    return Group(Text(str(cells[0][1].scenario["question"]), style="bold"), Text(), table)


def _setting(value: Any, of_all_cells: Sequence[Any]) -> str:
    """What a cell sets; of a mapping, the first keys that tell it from those of the other cells."""
    others = [other for other in of_all_cells if other != value]
    if not isinstance(value, dict) or not all(isinstance(other, dict) for other in others):
        return str(value)
    shown = []
    for key, content in value.items():
        still_alike = [other for other in others if other.get(key) == content]
        if len(still_alike) < len(others):
            shown.append(f"{key} {content}")
            others = still_alike
    return ", ".join(shown)


def _models(results: Results) -> Table:
    table = _table(["model"], ["train accuracy", "test accuracy", "best epoch", "seconds"])
    for name, model in results.models.items():
        accuracies = _percent(model.train_accuracy), _percent(model.test_accuracy)
        table.add_row(name, *accuracies, str(model.best_epoch), f"{model.seconds:.1f}")
    return table


@dataclass(frozen=True)
class _Attacks:
    """The attacks and the baseline; what they cost is left out where the console is too narrow for it."""

    results: Results

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        results = self.results
        judged = [*results.attacks, *([results.baseline] if results.baseline else [])]
        fprs = {point.fpr for attack in judged for point in attack.tpr_at_fpr}
        fpr = 0.01 if 0.01 in fprs or not fprs else min(fprs)
        costs = _costs(judged, options.max_width)
        table = _table(["attack"], ["AUC", "accuracy", "precision", "recall", f"TPR@{fpr:.0%}", *costs])
        for attack in judged:
            if attack is results.baseline:
                table.add_section()
            table.add_row(
                _named(attack, results), *_rates(attack), _tpr(attack, fpr), *(_cost(attack, name) for name in costs)
            )
        yield table
        yield Text(_caption(judged), style="dim")
        yield from (Text(line, style="dim") for line in _remarks(results))


def _costs(judged: Sequence[AttackResult], width: int) -> list[str]:
    """The columns for what an attack took: a cost only where something has a price, and no more than fit."""
    if width < WIDE:
        return []
    if not any(attack.cost for attack in judged):
        return ["queries", "seconds"]
    return ["queries", "cost", "seconds"] if width >= WIDER else ["queries", "cost"]


def _cost(attack: AttackResult, column: str) -> str:
    match column:
        case "queries":
            return f"{sum(attack.queries.values()):,}"
        case "cost":
            return f"{attack.cost:,.2f}"
        case _:
            return f"{attack.seconds:.1f}"


def _caption(judged: Sequence[AttackResult]) -> str:
    if judged[0].goal == "attribute":
        return (
            f"{judged[0].num_members:,} people of the attribute and {judged[0].num_non_members:,} not; 95 % intervals"
        )
    first, repeats = judged[0], [spread.num_repeats for attack in judged for spread in attack.over_repeats.values()]
    members, non_members = ("member", "non-member") if first.unit == "identity" else ("members", "non-members")
    people = " identities" if first.unit == "identity" else ""
    caption = (
        f"{first.num_members:,} {members}{people} of {first.on} and {first.num_non_members:,} {non_members}{people}; "
        "95 % intervals"
    )
    return caption + (f"; ± over {repeats[0]} repeats with fresh shadow draws" if repeats else "")


def _remarks(results: Results) -> Iterator[str]:
    """What a row has no room for: folds, who was left out, what attacks note, and what the sides of the deal share."""
    for attack in results.attacks:
        if folds := attack.folds:
            by = "" if folds.by == "identity" else ", the adversary told of other photos of the same people"
            yield (
                f"{attack.name}: AUC {folds.mean_auc:.3f} ± {folds.std_auc:.3f} over {len(folds.aucs)} folds by "
                f"{folds.by}{by}"
            )
        if attack.num_excluded:
            units = ("identity", "identities") if attack.unit == "identity" else ("example", "examples")
            left_out = counted(attack.num_excluded, *units)
            yield f"{attack.name}: {left_out} left out, of which nothing was said or known"
        yield from noted(attack)
    by_identity = any(attack.goal == "identity" for attack in results.attacks)
    for shared in results.overlaps:
        counts = {
            ("name", "names"): shared.shared_names if by_identity else 0,
            ("file", "files"): shared.same_files,
            ("image that looks the same", "images that look the same"): shared.near_duplicates or 0,
        }
        if found := [counted(count, *what) for what, count in counts.items() if count]:
            first, second = (side.replace("_", "-") for side in shared.sides)
            yield f"{first} and {second} share {', '.join(found)}"
    yield from results.left_out_or_enlarged


def _defences(results: Results) -> RenderableType:
    """What each came to; a line for those against which no attack was tried that expects them."""
    table = _table(["defence", "strongest attack"], ["AUC", "accuracy"])
    for defence in results.defences:
        named = Text.assemble(defence.called, (f"\n{defence.party}, {defence.stage} time", "dim"))
        strongest = [attack for attack in results.attacks if attack.name == defence.strongest]
        rates = _rates(strongest[0])[:2] if strongest else [UNDEFINED] * 2
        table.add_row(named, defence.strongest or UNDEFINED, *rates)
    naive = dict.fromkeys(each.called for each in results.defences if not each.attacked_adaptively)
    return Group(table, *(Text(f"{name}: this defence was not attacked adaptively", style="yellow") for name in naive))


def _what_a_query_buys(attacks: Sequence[AttackResult]) -> list[RenderableType]:
    """The best attack at each budget of those judged by queries; nothing where one budget is all there is."""
    given = {point.queries for attack in attacks for point in attack.curve}
    if len(given) < 2:
        return []
    table = _table(["queries per example", "best attack"], ["AUC", "accuracy"])
    before = 0
    for budget in sorted({*(known for known in BUDGETS if known < max(given)), max(given)}):
        if any(before < queries <= budget for queries in given):
            affordable = {attack.name: [each for each in attack.curve if each.queries <= budget] for attack in attacks}
            # an attack with all that the budget allows, not with what turned out best
            name, point = max(
                ((name, points[-1]) for name, points in affordable.items() if points),
                key=lambda best: best[1].auc.value,
            )
            spent = "" if point.queries == budget else f" ({point.queries:,})"
            table.add_row(f"{budget:,}", f"{name}{spent}", _auc(point.auc), _percent(point.accuracy))
            before = budget
    return [Text(), table, Text("the best on this very challenge: chosen by the AUC that is shown", style="dim")]


def _verification(pairs: str, tried: VerificationResult) -> Text:
    return Text(
        f"verification, {pairs}: {tried.accuracy:.1%} ± {100 * tried.accuracy_error:.1f} of {tried.num_pairs:,} pairs "
        f"in {tried.num_folds} folds (standard error), "
        f"threshold {tried.threshold:.3f} ± {tried.threshold_deviation:.3f}"
    )


def _breach(breach: BreachResult) -> Text:
    return Text(
        f"leaked: {breach.artefact} ({breach.channel}), {', '.join(breach.blocks)}, {breach.size_bytes:,} bytes"
    )


def _response(response: ResponseResult, num_steps: int) -> Text:
    step = f"step {response.step} of {num_steps}"
    if response.kind == "defend":
        through = ", ".join(response.defences) or "no defence"
        return Text(f"defended, {step}: {response.party} answers through {through} from then on")
    renewed = "certificates are new" if response.certificates_renewed else "certificates are not ours to renew"
    return Text(f"revoked, {step}: the leak is shut, {renewed}; what was copied stays with the adversary")


def _named(attack: AttackResult, results: Results) -> Text:
    """The attack's name, and on a second line its kind where the name does not say it."""
    kind = f"{attack.on.removeprefix('the ')}, no model" if attack is results.baseline else _kind(attack, results)
    return Text(attack.name) if kind == attack.name else Text.assemble(attack.name, (f"\n{kind}", "dim"))


def _kind(attack: AttackResult, results: Results) -> str:
    """What the attack calls itself, and how it trains its shadows where the scenario says so."""
    for step in results.scenario.get("timeline", []):
        spec = step.get("attack", {})
        if attack.name == (spec.get("name") or spec.get("kind")):
            return "/".join([attack.kind, *([spec["shadow"]] if "shadow" in spec else [])])
    return attack.kind


def _rates(attack: AttackResult) -> list[Text]:
    """AUC with its interval, then accuracy, precision and recall; with repeats, their spread on a second line."""
    auc = _auc(attack.auc)
    if spread := attack.over_repeats.get("auc"):
        auc.append(f"\n{spread.mean:.3f} ± {spread.std:.3f}", style="dim")
    cells = [auc]
    for metric, rate in (("accuracy", attack.accuracy), ("precision", attack.precision), ("recall", attack.recall)):
        cell = Text(f"{rate.value:.1%}" if rate else UNDEFINED)
        if spread := attack.over_repeats.get(metric):
            cell.append(f"\n± {100 * spread.std:.1f}", style="dim")
        cells.append(cell)
    return cells


def _auc(auc: Interval) -> Text:
    return Text(f"{auc.value:.3f} [{auc.low:.3f}, {auc.high:.3f}]", style="bold" if auc.low > 0.5 else "")


def _tpr(attack: AttackResult, fpr: float) -> str:
    return next((f"{point.value:.1%}" for point in attack.tpr_at_fpr if point.fpr == fpr), UNDEFINED)


def _percent(rate: Interval) -> str:
    return f"{rate.value:.1%} [{100 * rate.low:.1f}, {100 * rate.high:.1f}]"


def _table(left: Sequence[str], right: Sequence[str]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
    for name in left:
        table.add_column(name, overflow="fold")
    for name in right:
        table.add_column(name, justify="right", no_wrap=True)
    return table
