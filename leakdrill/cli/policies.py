"""The policy as a table: every method of every party, who may call it, and from which state of the drill on."""

from collections.abc import Iterator, Sequence
from functools import cache
from typing import TYPE_CHECKING, get_args

from rich.console import Group, RenderableType
from rich.text import Text

from leakdrill.cli.threats import plain_table

if TYPE_CHECKING:
    from leakdrill.network.policy import Row, State

NEVER = "·"


def render_policy(rows: "Sequence[Row]") -> RenderableType:
    """A row for each method, a column for each caller."""
    from leakdrill.network.policy import OBSERVER, Party

    callers = [*get_args(Party), OBSERVER]
    grants: dict[str, dict[str, dict[str, set[State]]]] = {}
    for place, method, caller, when in _grants(rows):
        grants.setdefault(place, {}).setdefault(method, {}).setdefault(caller, set()).update(when)
    table = plain_table("who may call what, from which state of the drill on", *callers)
    for place, methods in sorted(grants.items()):
        table.add_row(Text(place, style="bold"))
        for method, states in sorted(methods.items()):
            table.add_row(f"  {method}", *(_when(states.get(caller, set())) for caller in callers))
    return Group(Text(), table, Text(f"{NEVER}, and whatever has no row here: refused"))


def _when(granted: "set[State]") -> str:
    """The state from which on, if it is so to the end; else every state."""
    from leakdrill.network.policy import STATES

    states = [state for state in STATES if state in granted]
    return NEVER if not states else states[0] if states == list(STATES[-len(states) :]) else " ".join(states)


def _grants(rows: "Sequence[Row]") -> "Iterator[tuple[str, str, str, list[State]]]":
    """(place, method, caller, states) of each call that some row grants, methods named one by one."""
    for row in rows:
        for at in row.at:
            for listener in row.listeners:
                for method in (one for name in row.methods for one in _methods(name)):
                    yield from ((f"{at}: {listener}", method, caller, row.states) for caller in row.callers)


def _methods(name: str) -> list[str]:
    """Without the package, what a policy's row names: all methods of a service for "package.Service/*"."""
    service, _, method = name.partition("/")
    short = service.rpartition(".")[2]
    return [f"{short}/{one}" for one in _methods_of(service)] if method == "*" else [name.rpartition(".")[2]]


@cache
def _methods_of(service: str) -> list[str]:
    from google.protobuf import descriptor_pool
    from grpc_health.v1 import health_pb2  # noqa: F401  # importing a stub makes its services known
    from grpc_reflection.v1alpha import reflection_pb2  # noqa: F401

    from leakdrill.pb import adversary_pb2, inference_pb2, party_pb2, source_pb2, target_pb2  # noqa: F401

    try:
        pool = descriptor_pool.Default()  # type: ignore[no-untyped-call]
        return [method.name for method in pool.FindServiceByName(service).methods]
    except KeyError:  # grpc.reflection.v1 has no stubs; it has the methods of v1alpha, which is granted beside it
        return []
