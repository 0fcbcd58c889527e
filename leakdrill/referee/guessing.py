"""What a class guessed before a drill, beside what the drill found."""

import re

from leakdrill.errors import InvalidInput, ScenarioError
from leakdrill.metrics import FPRS, target_fpr
from leakdrill.referee import clause
from leakdrill.results import Interval, Results
from leakdrill.runs.rows import metrics_of, metrics_of_model
from leakdrill.scenario.schema import Expectation, Scenario

_NUMBER = re.compile(r"\s*(\d*[.,]?\d+)\s*(%?)\s*")


def check_guesses(scenario: Scenario) -> None:
    """Raises ScenarioError for one that asks for no figure that the timeline leads to."""
    for index, guess in enumerate(scenario.guess):
        asked = Expectation(claim=guess.ask, that=f"{guess.what} >= 0")
        try:
            clause.validate(scenario.model_copy(update={"expect": [asked]}))
            _check_single(guess.what)
        except ScenarioError as error:
            reason = str(error).partition(": ")[2]
            raise ScenarioError(f"guess[{index}].what {guess.what!r}: {reason}") from error


def _check_single(what: str) -> None:
    """Of what a clause may say, that it is one figure, and one that results have."""
    name, _, metric = what.partition(".")
    if name == "all":
        raise ScenarioError("guess: 'all' attacks have no single figure: name one of them")
    if metric.startswith("tpr@") and target_fpr(metric) not in FPRS:
        given = ", ".join(f"tpr@{fpr:g}" for fpr in FPRS)
        raise ScenarioError(f"guess: results have no {metric!r}: wanted one of {given}")


def read_rate(text: str) -> float:
    """0.7 of "0.7", "0,7" or "70 %". Raises InvalidInput for anything else, and for what no rate can be."""
    match = _NUMBER.fullmatch(text)
    rate = float(match[1].replace(",", ".")) / (100 if match[2] else 1) if match else 2.0
    if rate > 1:
        raise InvalidInput(f"{text!r} is no rate: wanted a number from 0 to 1, or a percentage such as 70%")
    return rate


def found(results: Results, what: str) -> Interval | None:
    """The figure "<name>.<metric>" of a drill; None where it did not get there, or where it is undefined."""
    name, _, metric = what.partition(".")
    if metric.startswith("tpr@"):
        metric = f"tpr@{target_fpr(metric):g}"
    if name in results.models:
        return metrics_of_model(results.models[name]).get(metric)
    attacks = [*results.attacks, *([results.baseline] if results.baseline else [])]
    figures = next((metrics_of(attack) for attack in attacks if attack.name == name), {})
    figure = figures.get(metric)
    return figure if isinstance(figure, Interval) else None
