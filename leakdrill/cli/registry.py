"""What there is to try: attacks, defences, data sets, architectures, scenarios, sweeps, each with its line."""

import inspect
from collections.abc import Callable
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from leakdrill.cli.shell import stdout

if TYPE_CHECKING:
    from leakdrill.plugins import Kinds


class What(StrEnum):
    ATTACKS = "attacks"
    DEFENCES = "defences"
    DATASETS = "datasets"
    ARCHS = "archs"
    SCENARIOS = "scenarios"
    SWEEPS = "sweeps"


def list_(
    what: Annotated[What | None, typer.Argument(help="What to list; default: what can be listed.")] = None,
) -> None:
    """What a scenario can name: attacks, defences, data sets and architectures, and the scenarios and sweeps there are.

    \b
    leakdrill list
    leakdrill list attacks
    leakdrill list scenarios
    """
    table = Table.grid(padding=(0, 2))
    lines = LISTS[what]() if what else {f"leakdrill list {each}": f"{len(found())}" for each, found in LISTS.items()}
    for name, line in lines.items():
        table.add_row(name, line)
    stdout().print(table)


def _attacks() -> dict[str, str]:
    from leakdrill.attacks import ATTACK_KINDS

    return _lines(ATTACK_KINDS)


def _defences() -> dict[str, str]:
    from leakdrill.defences import DEFENCE_KINDS
    from leakdrill.defences.release import RELEASE_DEFENCE_KINDS
    from leakdrill.defences.training import TRAINING_DEFENCE_KINDS

    stages = {"training": TRAINING_DEFENCE_KINDS, "release": RELEASE_DEFENCE_KINDS, "prediction": DEFENCE_KINDS}
    return {kind: f"{stage}: {line}" for stage, kinds in stages.items() for kind, line in _lines(kinds).items()}


def _datasets() -> dict[str, str]:
    from leakdrill.datasets import DATASET_KINDS

    return _lines(DATASET_KINDS)


def _archs() -> dict[str, str]:
    from leakdrill.archs import ARCH_KINDS, ARCHS

    return {kind: _first_line(arch) for kind, arch in {**ARCHS, **ARCH_KINDS.installed()}.items()}


def _scenarios() -> dict[str, str]:
    from leakdrill.scenario.loading import find_scenarios

    return find_scenarios()


def _sweeps() -> dict[str, str]:
    from leakdrill.scenario.loading import find_sweeps

    return find_sweeps()


LISTS: dict[What, Callable[[], dict[str, str]]] = {
    What.ATTACKS: _attacks,
    What.DEFENCES: _defences,
    What.DATASETS: _datasets,
    What.ARCHS: _archs,
    What.SCENARIOS: _scenarios,
    What.SWEEPS: _sweeps,
}


def _lines(kinds: "Kinds") -> dict[str, str]:
    """Of leakdrill's own, and of what is installed beside it."""
    return {tag: _first_line(found) for tag, found in {**kinds.own, **kinds.installed()}.items()}


def _first_line(described: type) -> str:
    return (inspect.getdoc(described) or "").partition("\n")[0]
