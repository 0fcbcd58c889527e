"""leakdrill lesson: guesses, recorded runs, and pages that are finished."""

import re

import pytest

from leakdrill.cli.lesson import RECORDED
from leakdrill.scenario.loading import find_scenarios
from leakdrill.shipped import LESSONS
from tests.cli.conftest import Shell

NAMES = sorted(name for name in find_scenarios() if name.startswith("lesson-"))


def test_the_five_lessons_are_listed_with_their_commands(leakdrill: Shell) -> None:
    done = leakdrill("lesson")
    assert done.exit_code == 0
    assert [f"leakdrill lesson {number}" in done.output for number in range(1, 6)] == [True] * 5


@pytest.mark.parametrize("name", NAMES)
def test_every_lesson_has_a_finished_page_and_a_recorded_run(name: str) -> None:
    page = (LESSONS / f"{name.removeprefix('lesson-')}.md").read_text()
    assert f"leakdrill lesson {name.split('-')[1]}" in page
    assert not re.search(r"@[A-Z]+@", page)
    assert (RECORDED / name / "scenario.json").is_file()


def test_what_was_guessed_stands_beside_what_was_found(leakdrill: Shell) -> None:
    done = leakdrill("lesson", "1", "--recorded", typed="60 %\noften\n0.9\n\n")
    assert done.exit_code == 0
    assert "'often' is no rate" in done.output
    table = done.output.partition("Your guesses")[2]
    assert re.search(r"0\.60 +0\.61 \[", table)
    assert re.search(r"0\.90 +0\.66 \[", table)


def test_of_a_grid_each_cell_is_asked_for(leakdrill: Shell) -> None:
    done = leakdrill("lesson", "4", "--recorded", "--no-ask")
    assert done.exit_code == 0
    assert "[none]" in done.output
    assert "[memguard]" in done.output
    assert "not reached" not in done.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["9"], "there is no lesson 9: there are 1, 2, 3, 4, 5"),
        (["1", "--recorded", "--smoke"], "a recorded run is shown as it is"),
    ],
)
def test_what_cannot_be_is_refused_before_anybody_is_asked(
    leakdrill: Shell, arguments: list[str], message: str
) -> None:
    done = leakdrill("lesson", *arguments)
    assert done.exit_code == 2
    assert message in done.output
    assert "Guess first" not in done.output
