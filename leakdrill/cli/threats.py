"""A scenario's threat model as tables: who holds what, what each attack needs and has, who may call what and when."""

from typing import TYPE_CHECKING

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from leakdrill.network.policy import Row
    from leakdrill.scenario.threat import Threat, ThreatTable

GRANTED, LACKING = ("✓ ", "green"), ("✗ ", "red")


def render_threats(threats: "ThreatTable") -> RenderableType:
    notices = [Text(f"notice: {notice}", style="yellow") for notice in threats.notices]
    tables = [holdings_table(threats.holdings), _attacks(threats.threats), calls_table(threats.calls)]
    spaced = [part for table in tables for part in (Text(), table)]
    return Group(*spaced, *([Text(), *notices] if notices else []))


def holdings_table(holdings: dict[str, list[str]]) -> Table:
    table = plain_table("party", "holds")
    for party, held in holdings.items():
        table.add_row(party, ", ".join(held))
    return table


def _attacks(threats: "list[Threat]") -> Table:
    table = plain_table("attack", "needs, and is granted by then")
    for threat in threats:
        needs = (((GRANTED if need in threat.granted else LACKING), need) for need in sorted(threat.needs))
        table.add_row(threat.attack.name, Text(", ").join(Text.assemble(mark, need) for mark, need in needs))
    return table


def calls_table(calls: "tuple[Row, ...]", now: bool = False) -> Table:
    """Anything that has no row here is refused. `now`: these are the calls of one moment, and no state need be said."""
    table = plain_table("may call", "at: listener", "what", *([] if now else ["from state"]))
    for row in calls:
        places = f"{', '.join(row.at)}: {', '.join(row.listeners)}"
        methods = ", ".join(dict.fromkeys(method.rpartition(".")[2] for method in row.methods))  # reflection has two
        table.add_row(", ".join(row.callers), places, methods, *([] if now else [row.states[0]]))
    return table


def plain_table(*columns: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
    for name in columns:
        table.add_column(name, overflow="fold")
    return table
