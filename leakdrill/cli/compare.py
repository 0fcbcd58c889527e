"""Two runs beside each other."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Group, RenderableType
from rich.text import Text

from leakdrill.cli.shell import EXIT_CODES, stdout
from leakdrill.cli.threats import plain_table

if TYPE_CHECKING:
    from leakdrill.results import Interval
    from leakdrill.runs.comparison import Comparison

OldArgument = Annotated[
    Path, typer.Argument(metavar="OLD", help="The folder of a run, such as that of the last release.")
]
NewArgument = Annotated[Path, typer.Argument(metavar="NEW", help="The folder of another run of the same attacks.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print it as JSON.")]
FailOption = Annotated[
    bool,
    typer.Option(
        "--fail-if-worse",
        help="Exit with 1 if an attack is stronger in NEW beyond chance, with 3 if NEW lacks one of OLD.",
    ),
]


def compare(old: OldArgument, new: NewArgument, as_json: JsonOption = False, fail_if_worse: FailOption = False) -> None:
    """What changed from one run to another: attacks by name, models, queries and defences, with intervals.

    Paired ones where both runs dealt the same examples to the same sides (pin split_key), else independent ones.

    \b
    leakdrill compare runs/release-1 runs/release-2
    leakdrill compare runs/release-1 runs/release-2 --fail-if-worse --json
    """
    from leakdrill.runs.comparison import compare

    found = compare(old, new)
    if as_json:
        typer.echo(found.model_dump_json(indent=2))
    else:
        stdout().print(render_comparison(found))
    if fail_if_worse and any(attack.is_worse for attack in found.attacks):
        raise typer.Exit(EXIT_CODES["not met"])
    if fail_if_worse and found.only_old:
        raise typer.Exit(EXIT_CODES["undecided"])


def render_comparison(found: "Comparison") -> RenderableType:
    table = plain_table("attack", "AUC, old", "AUC, new", "new - old", "accuracy, new - old", "queries")
    for attack in found.attacks:
        style = "red" if attack.is_worse else "green" if attack.auc.difference.high < 0 else ""
        table.add_row(
            attack.name,
            f"{attack.auc.old.value:.3f}",
            f"{attack.auc.new.value:.3f}",
            Text(_signed(attack.auc.difference), style=style),
            _signed(attack.accuracy.difference),
            f"{attack.old_queries:,} → {attack.new_queries:,}",
        )
    models = plain_table("model", "test accuracy, old", "new", "new - old")
    for model in found.models:
        accuracy = model.test_accuracy
        models.add_row(
            model.name, f"{accuracy.old.value:.1%}", f"{accuracy.new.value:.1%}", _signed(accuracy.difference)
        )
    tables: list[RenderableType] = [table, Text(), models, Text()] if found.models else [table, Text()]
    return Group(*tables, *map(Text, _remarks(found)))


def _remarks(found: "Comparison") -> list[str]:
    lines = [f"intervals: 95 % for all {len(found.attacks)} attacks at once"]
    if paired := [attack.name for attack in found.attacks if attack.is_paired]:
        lines.append(f"paired intervals of {', '.join(paired)}: the same examples were dealt to the same sides")
    for why in dict.fromkeys(attack.unpaired_because for attack in found.attacks if attack.unpaired_because):
        names = (attack.name for attack in found.attacks if attack.unpaired_because == why)
        lines.append(f"independent intervals of {', '.join(names)}: {why}")
    if found.only_old:
        lines.append(f"only in OLD, so that nothing can be said of them: {', '.join(found.only_old)}")
    if found.only_new:
        lines.append(f"only in NEW: {', '.join(found.only_new)}")
    if found.old_defences != found.new_defences:
        lines.append(f"defences: {_listed(found.old_defences)} → {_listed(found.new_defences)}")
    worse = [attack.name for attack in found.attacks if attack.is_worse]
    lines.append(
        f"stronger than before: {', '.join(worse)}" if worse else "no attack is stronger than before, beyond chance"
    )
    return lines


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(names) or "none"


def _signed(difference: "Interval") -> str:
    return f"{difference.value:+.3f} [{difference.low:+.3f}, {difference.high:+.3f}]"
