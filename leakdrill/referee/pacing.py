"""The pace of a drill: whether the next step is played, left out, or left for another day."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

from leakdrill.errors import ScenarioError
from leakdrill.referee import clause
from leakdrill.scenario.schema import Scenario
from leakdrill.scenario.steps import Step
from leakdrill.scenario.threat import check_threat

if TYPE_CHECKING:
    from leakdrill.referee.drill import Drill

Choice = Literal["play", "skip", "stop"]
Pace = Callable[["Drill", int], Choice]  # asked before each step of the drill's timeline, by its index


class Stopped(Exception):
    """A drill was left on purpose before its end, and can be resumed. The message says where."""


def straight_on(drill: "Drill", index: int) -> Choice:
    return "play"


def up_to(last: Step, pace: Pace = straight_on) -> Pace:
    """As `pace`, until the step `last` of the drill's timeline has been played, or left out."""

    def paced(drill: "Drill", index: int) -> Choice:
        is_ahead = any(step is last for step in drill.scenario.timeline[index:])
        return pace(drill, index) if is_ahead else "stop"

    return paced


def without_step(scenario: Scenario, index: int) -> tuple[Scenario, list[str]]:
    """The scenario with one step less, and the claims (in words) that nobody can decide without it, left out too.

    Raises ScenarioError when a later step cannot do without it.
    """
    timeline = [step for place, step in enumerate(scenario.timeline) if place != index]
    if not timeline:
        raise ScenarioError("it is the only step there is")
    shorter = scenario.model_copy(update={"timeline": timeline, "expect": [], "guess": []})
    check_threat(shorter)
    kept = [each for each in scenario.expect if _can_be_decided(shorter.model_copy(update={"expect": [each]}))]
    lost = [each.claim for each in scenario.expect if each not in kept]
    return shorter.model_copy(update={"expect": kept}), lost


def _can_be_decided(scenario: Scenario) -> bool:
    try:
        clause.validate(scenario)
    except ScenarioError:
        return False
    return True
