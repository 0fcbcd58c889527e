"""Which party may call which method of which other, where and in which state of the drill. Deny by default."""

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Literal, get_args

import yaml
from pydantic import Field, TypeAdapter

from leakdrill.spec import Spec

Party = Literal["referee", "cbig", "csmall", "adversary"]
OBSERVER = "observer"  # who reads the metrics, for people to look at
PLAYER = "player"  # player-01, ...: each of several people who play the adversary, with an account of its own
Caller = Party | Literal["observer", "player"]
ListenerName = Literal["private", "public", "exfiltration", "metrics"]
State = Literal["setup", "open", "breached"]
STATES: tuple[State, ...] = get_args(State)


class Row(Spec):
    """A grant. Every list is a choice: any of these parties, listeners, methods, callers and states."""

    at: list[Party] = Field(min_length=1)
    listeners: list[ListenerName] = Field(min_length=1)
    methods: list[str] = Field(min_length=1)  # "package.Service/Method" or "package.Service/*"
    callers: list[Caller] = Field(min_length=1)
    states: list[State] = Field(min_length=1)

    def grants_method(self, method: str) -> bool:
        return any(
            method == f"/{name}" or (name.endswith("/*") and method.startswith(f"/{name[:-1]}"))
            for name in self.methods
        )


@dataclass(frozen=True)
class Policy:
    rows: tuple[Row, ...]

    @classmethod
    def load(cls) -> "Policy":
        """The policy of policy.yaml."""
        return cls(_packaged_rows())

    def allows(self, party: str, method: str, caller: str, state: str, listener: str | None = None) -> bool:
        """Whether `caller` may call `method` ("/package.Service/Method") at `party` in `state`.

        With `listener`, on that listener of the party; without, on any. All players may call the same.
        """
        role = PLAYER if caller.startswith(f"{PLAYER}-") else caller
        return any(
            party in row.at
            and role in row.callers
            and state in row.states
            and (listener is None or listener in row.listeners)
            and row.grants_method(method)
            for row in self.rows
        )


@cache
def _packaged_rows() -> tuple[Row, ...]:
    text = files("leakdrill").joinpath("policy.yaml").read_text()
    return TypeAdapter(tuple[Row, ...]).validate_python(yaml.safe_load(text))
