"""What became of the expectations, and the verdict, as lines for the console."""

from typing import Any

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from leakdrill.counted import counted
from leakdrill.referee.deciding import in_words
from leakdrill.results import ExpectationResult, Outcome, Results, Verdict

MARKS: dict[Outcome, str] = {"holds": "✓", "does not hold": "✗", "undecided": "?"}
OUTCOME_STYLES: dict[Outcome, str] = {"holds": "green", "does not hold": "red", "undecided": "yellow"}
VERDICT_STYLES: dict[Verdict, str] = {"met": "green", "not met": "red", "broken": "red", "undecided": "yellow"}
UNDEFINED = "-"


def expectation_lines(expectation: ExpectationResult) -> RenderableType:
    """Its outcome and claim, what was found, and what decided."""
    mark, style = MARKS[expectation.outcome], OUTCOME_STYLES[expectation.outcome]
    line = Text.assemble((f"{mark} {expectation.outcome}: ", style), expectation.claim)
    got = ", ".join(
        _shown(value) if name == "reason" else f"{name} = {_shown(value)}" for name, value in expectation.got.items()
    )
    found = [f"{expectation.that}   got {got}"]
    if expectation.deciding:
        found.append(in_words(expectation.deciding))
    return Group(line, *(Padding(Text(each, style="dim"), (0, 0, 0, 2), expand=False) for each in found))


def _shown(value: Any) -> str:
    if isinstance(value, dict) and {"value", "low", "high"} <= value.keys():
        return f"{_shown(value['value'])} [{_shown(value['low'])}, {_shown(value['high'])}]"
    if value is None:
        return UNDEFINED
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def verdict_line(results: Results) -> Text:
    return Text(f"{results.verdict}: {_reason(results)}", style=f"bold {VERDICT_STYLES[results.verdict]}")


def _reason(results: Results) -> str:
    outcomes = [expectation.outcome for expectation in results.expectations]
    if results.verdict == "undecided" and results.undecided_because:
        return results.undecided_because
    match results.verdict:
        case "broken":
            return results.error or "the drill could not be played to its end"
        case "met" if not outcomes:
            return "the drill was played to its end, and nothing in particular was expected"
        case "met":
            return "what was expected holds" if len(outcomes) == 1 else f"all {len(outcomes)} expectations hold"
        case "not met":
            failed = outcomes.count("does not hold")
            return f"of {counted(len(outcomes), 'expectation')}, {failed} did not hold: a finding, no fault"
        case "undecided":
            undecided = outcomes.count("undecided")
            return f"of {counted(len(outcomes), 'expectation')}, {undecided} cannot be decided at this sample size"
