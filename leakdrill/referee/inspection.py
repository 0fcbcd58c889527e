"""What can be seen of a drill between two steps: who holds what now, what each may call, and what queries are left."""

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from leakdrill.network.policy import Policy, Row, State
from leakdrill.scenario.holdings import holdings
from leakdrill.scenario.in_force import in_force
from leakdrill.scenario.schema import Scenario
from leakdrill.scenario.steps import DefendStep
from leakdrill.scenario.threat import public_models

if TYPE_CHECKING:
    from leakdrill.referee.drill import Drill


@dataclass(frozen=True)
class Budget:
    """Of one public model, in examples."""

    model: str
    asked: int  # but for attacks in folds, each of which has as large a budget to itself
    budget: int

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
        holdings(_now(drill)),
        states,
        tuple(row for row in rows if row.at),
        _budgets(drill),
    )


def _now(drill: "Drill") -> Scenario:
    """As if what stands before the APIs now had stood there from the start."""
    played = [step for step in drill.played if not isinstance(step, DefendStep)]
    return in_force(drill.scenario, drill.played).model_copy(update={"timeline": played})


def _budgets(drill: "Drill") -> list[Budget]:
    asked, budget = Counter(drill.queries()), drill.scenario.adversary.query_budget
    asked.update(drill.spent_before)
    asked.subtract(drill.asked_in_folds)
    models = {*public_models(drill.scenario, drill.played), *asked}
    return [Budget(model, max(0, asked[model]), budget) for model in sorted(models)]
