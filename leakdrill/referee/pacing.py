"""The pace of a drill: whether the next step is played, left out, or left for another day."""

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Literal

from leakdrill.errors import ScenarioError
from leakdrill.referee import clause
from leakdrill.referee.guessing import check_guesses
from leakdrill.scenario.loading import validate
from leakdrill.scenario.overrides import as_written
from leakdrill.scenario.schema import Scenario
from leakdrill.scenario.steps import AttackStep, Step, name_of
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


def without_step(scenario: Scenario, index: int, begun: Collection[str] = ()) -> tuple[Scenario, list[str]]:
    """The scenario with one step less, and the claims (in words) that nobody can decide without it, left out too.

    begun: attacks of this run that were played, at least in part: what they found, they found after this step.

    Raises ScenarioError when a later step cannot do without it.
    """
    _check_not_used(scenario, index, begun)
    timeline = [step for place, step in enumerate(scenario.timeline) if place != index]
    if not timeline:
        raise ScenarioError("it is the only step there is")
    shorter = scenario.model_copy(update={"timeline": timeline, "expect": [], "guess": []})
    validate(as_written(shorter), origin="the scenario without it")
    check_threat(shorter)
    kept = [each for each in scenario.expect if _can_be_decided(shorter.model_copy(update={"expect": [each]}))]
    guess = [each for each in scenario.guess if _can_be_decided(shorter.model_copy(update={"guess": [each]}))]
    lost = [each.claim for each in scenario.expect if each not in kept]
    return shorter.model_copy(update={"expect": kept, "guess": guess}), lost


def _check_not_used(scenario: Scenario, index: int, begun: Collection[str]) -> None:
    """An attack leaves nothing to the next; any other step is a part of what came out of every attack after it."""
    step, *later = scenario.timeline[index:]
    played = [name_of(each) for each in later if isinstance(each, AttackStep) and each.attack.name in begun]
    if played and not isinstance(step, AttackStep):
        raise ScenarioError(
            f"this run has played {played[0]!r} after it already: fork the run at it (resume --from {index + 1} "
            "--step), and leave it out there"
        )


def _can_be_decided(scenario: Scenario) -> bool:
    try:
        clause.validate(scenario)
        check_guesses(scenario)
    except ScenarioError:
        return False
    return True
