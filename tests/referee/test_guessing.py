"""leakdrill/referee/guessing.py: guesses, as people type them, and the figures that they are compared with."""

import pytest

from leakdrill.errors import InvalidInput, ScenarioError
from leakdrill.referee.guessing import check_guesses, found, read_rate
from leakdrill.results import Interval, Results, WithinQueries
from leakdrill.scenario.loading import find_scenarios, load_scenario
from leakdrill.scenario.schema import Guess, Scenario


@pytest.fixture(scope="module")
def scenario() -> Scenario:
    return load_scenario("quickstart", smoke=True).scenario


@pytest.mark.parametrize(
    ("text", "rate"), [("0.7", 0.7), ("0,7", 0.7), (".7", 0.7), ("70 %", 0.7), ("70%", 0.7), ("1", 1.0), ("0", 0.0)]
)
def test_a_rate_is_read_as_people_write_it(text: str, rate: float) -> None:
    assert read_rate(text) == pytest.approx(rate)


@pytest.mark.parametrize("text", ["70", "-0.2", "often", "101 %", "0.7.1", "1e-3", "", "nan"])
def test_what_is_no_rate_is_refused_with_what_would_be(text: str) -> None:
    with pytest.raises(InvalidInput, match="wanted a number from 0 to 1, or a percentage"):
        read_rate(text)


@pytest.mark.parametrize(
    ("what", "reason"),
    [
        ("afterwards.auc", "unknown name 'afterwards'"),
        ("after.area", "unknown metric 'area'"),
        ("after", "neither a"),
        ("all.auc", "'all' attacks have no single figure: name one of them"),
        ("after.tpr@0.05", "results have no 'tpr@0.05': wanted one of tpr@0.1, tpr@0.01, tpr@0.001"),
    ],
)
def test_a_question_about_no_figure_of_the_drill_is_refused(scenario: Scenario, what: str, reason: str) -> None:
    asking = scenario.model_copy(update={"guess": [Guess(ask="How much?", what=what)]})
    with pytest.raises(ScenarioError, match=rf"guess\[0\].what '{what}': .*{reason}"):
        check_guesses(asking)


@pytest.mark.parametrize(
    ("what", "value"),
    [
        ("after.auc", 0.703),
        ("after.auc@300", 0.6),
        ("after.tpr@0.01", 0.043),
        ("after.tpr@1e-2", 0.043),
        ("gap.recall", 0.777),
        ("baseline.auc", 0.499),
        ("source.test_accuracy", 0.605),
    ],
)
def test_a_guess_is_compared_with_the_figure_that_a_clause_so_calls(results: Results, what: str, value: float) -> None:
    first, *rest = results.attacks
    curve = (WithinQueries(queries=300, auc=Interval(value=0.6, low=0.5, high=0.7), accuracy=first.accuracy),)
    figure = found(results.model_copy(update={"attacks": [first.model_copy(update={"curve": curve}), *rest]}), what)
    assert figure is not None
    assert figure.value == value


@pytest.mark.parametrize("what", ["later.auc", "gap.precision", "gap.tpr@0.01", "target.test_accuracy"])
def test_what_a_drill_did_not_reach_is_no_figure(results: Results, what: str) -> None:
    assert found(results, what) is None


def test_every_lesson_asks_for_figures_that_it_has() -> None:
    lessons = [name for name in find_scenarios() if name.startswith("lesson-")]
    for name in lessons:
        lesson = load_scenario(name).scenario
        assert lesson.guess, name
        check_guesses(lesson)
