"""The scenario as it is in force after some steps: a `defend` on the way changes which defences stand before an API."""

from collections.abc import Sequence

from leakdrill.errors import ScenarioError
from leakdrill.scenario.loading import validate
from leakdrill.scenario.overrides import as_written
from leakdrill.scenario.schema import Scenario
from leakdrill.scenario.steps import DefendStep, Step


def in_force(scenario: Scenario, played: Sequence[Step]) -> Scenario:
    """As if the APIs had stood behind the latest defences from the start; their timeline is `played`."""
    for step in played:
        if isinstance(step, DefendStep):
            owner = getattr(scenario, step.defend.party)
            api = owner.api.model_copy(update={"defences": step.defend.defences})
            scenario = scenario.model_copy(update={step.defend.party: owner.model_copy(update={"api": api})})
    return scenario.model_copy(update={"timeline": list(played)})


def check_defends(scenario: Scenario) -> list[Scenario]:
    """The scenario as each `defend` of its timeline leaves it.

    Raises ScenarioError for defences that could not have stood there from the start either.
    """
    timeline, left = scenario.timeline, []
    data = scenario.data.model_copy(update={"verification_pairs": None})  # tried when all is played: release may follow
    for index, step in enumerate(timeline):
        if isinstance(step, DefendStep):
            kept = {"timeline": timeline, "expect": [], "data": data}
            as_left = in_force(scenario, timeline[: index + 1]).model_copy(update=kept)
            try:
                left.append(validate(as_written(as_left), origin=f"{step.defend.party}'s API from then on"))
            except ScenarioError as error:
                raise ScenarioError(f"timeline[{index}] defend: {error}") from error
    return left
