"""What a class guessed before a drill, beside what the drill found."""

import re

from leakdrill.errors import InvalidInput, ScenarioError
from leakdrill.referee import clause
from leakdrill.results import Interval, Results
from leakdrill.scenario.schema import Expectation, Scenario

_NUMBER = re.compile(r"\s*(\d*[.,]?\d+)\s*(%?)\s*")


def check_guesses(scenario: Scenario) -> None:
    """Raises ScenarioError for one that asks for no figure that the timeline leads to."""
    for index, guess in enumerate(scenario.guess):
        asked = Expectation(claim=guess.ask, that=f"{guess.what} >= 0")
        try:
            clause.validate(scenario.model_copy(update={"expect": [asked]}))
        except ScenarioError as error:
            reason = str(error).partition(": ")[2]
            raise ScenarioError(f"guess[{index}].what {guess.what!r}: {reason}") from error


def read_rate(text: str) -> float:
    """0.7 of "0.7", "0,7" or "70 %". Raises InvalidInput for anything else, and for what no rate can be."""
    match = _NUMBER.fullmatch(text)
    rate = float(match[1].replace(",", ".")) / (100 if match[2] else 1) if match else 2.0
    if rate > 1:
        raise InvalidInput(f"{text!r} is no rate: wanted a number from 0 to 1, or a percentage such as 70%")
    return rate


def found(results: Results, what: str) -> Interval | None:
    """The figure "<name>.<metric>" of a drill; None where it did not get there."""
    name, _, metric = what.partition(".")
    attacks = {attack.name: attack for attack in results.attacks}
    figure: Interval | None = getattr(results.models.get(name) or attacks.get(name), metric, None)
    return figure
