"""leakdrill/referee/guessing.py: guesses, as people type them, and the figures that they are compared with."""

import pytest

from leakdrill.errors import InvalidInput, ScenarioError
from leakdrill.referee.guessing import check_guesses, read_rate
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
    [("afterwards.auc", "unknown name 'afterwards'"), ("after.area", "unknown metric 'area'"), ("after", "neither a")],
)
def test_a_question_about_no_figure_of_the_drill_is_refused(scenario: Scenario, what: str, reason: str) -> None:
    asking = scenario.model_copy(update={"guess": [Guess(ask="How much?", what=what)]})
    with pytest.raises(ScenarioError, match=rf"guess\[0\].what '{what}': .*{reason}"):
        check_guesses(asking)


def test_every_lesson_asks_for_figures_that_it_has() -> None:
    lessons = [name for name in find_scenarios() if name.startswith("lesson-")]
    for name in lessons:
        lesson = load_scenario(name).scenario
        assert lesson.guess, name
        check_guesses(lesson)
