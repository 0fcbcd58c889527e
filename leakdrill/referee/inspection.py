"""What can be seen of a drill between two steps: who holds what now, what each may call, and what queries are left."""

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from leakdrill.network.policy import Policy, Row, State
from leakdrill.scenario.holdings import holdings

if TYPE_CHECKING:
    from leakdrill.referee.drill import Drill


@dataclass(frozen=True)
class Budget:
    """Of one public model, in examples."""

    model: str
    asked: int
    budget: int  # of the drill; each fold of an attack in folds has as much to itself

    @property
    def left(self) -> int:
        return max(0, self.budget - self.asked)


@dataclass(frozen=True)
class Inspection:
    holdings: dict[str, list[str]]  # by party
    states: dict[str, State]  # of the drill, as each party was told
    calls: tuple[Row, ...]  # what the policy grants in these states
    budgets: list[Budget]


def inspect(drill: "Drill") -> Inspection:
    """Of a drill that has been entered."""
    states = drill.states
    rows = (
        row.model_copy(update={"at": [party for party in row.at if states.get(party) in row.states]})
        for row in Policy.load().rows
    )
    return Inspection(
        holdings(drill.scenario.model_copy(update={"timeline": drill.played})),
        states,
        tuple(row for row in rows if row.at),
        _budgets(drill),
    )


def _budgets(drill: "Drill") -> list[Budget]:
    asked, budget = Counter(drill.queries()), drill.scenario.adversary.query_budget
    asked.update(drill.spent_before)
    return [Budget(model, count, budget) for model, count in sorted(asked.items())]
