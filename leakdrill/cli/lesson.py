"""Five lessons: guess, play a small drill, and compare."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from leakdrill.cli.look import print_run
from leakdrill.cli.play import run
from leakdrill.cli.shell import EXIT_CODES, OutOption, SetOption, SmokeOption, complain, new_run_dir, stdout
from leakdrill.errors import InvalidInput, NotFound
from leakdrill.runs.reading import CELLS, finished_drills
from leakdrill.shipped import LESSONS

if TYPE_CHECKING:
    from leakdrill.scenario.schema import Scenario

RECORDED = LESSONS / "recorded"


def lesson(
    number: Annotated[
        int | None, typer.Argument(metavar="N", help="Which lesson; without it, what lessons there are.")
    ] = None,
    recorded: Annotated[bool, typer.Option("--recorded", help="Show the recorded run instead of playing it.")] = False,
    ask: Annotated[bool, typer.Option(help="Ask for guesses first.")] = True,
    out: OutOption = None,
    settings: SetOption = None,
    smoke: SmokeOption = False,
) -> None:
    """A lesson: guess what a drill will find, play it, compare.

    \b
    leakdrill lesson                      the five lessons
    leakdrill lesson 1
    leakdrill lesson 1 --recorded         where a laptop is too slow
    leakdrill lesson 1 --set after.num_shadows=2
    """
    from leakdrill.scenario.loading import load_scenario

    if number is None:
        _list()
        return
    name = _names().get(number)
    if name is None:
        raise NotFound(f"there is no lesson {number}: there are {', '.join(map(str, _names()))}")
    loaded = load_scenario(name, settings or [], smoke=smoke)
    if recorded and (out or settings or smoke):
        raise InvalidInput("a recorded run is shown as it is: leave out --out, --set and --smoke, or --recorded")
    run_dir = _recorded(name) if recorded else new_run_dir(out, loaded.name)
    questions = _questions(loaded.scenario)
    guesses = _ask(loaded.scenario.question, questions) if ask else {}
    if recorded:
        print_run(run_dir)
    else:
        _play(name, run_dir, settings, smoke)
    _print_guesses(questions, guesses, run_dir)
    report = f"leakdrill report {run_dir}" if recorded else run_dir / "report.html"
    typer.echo(f"\nthe report: {report}\nthe page:   {LESSONS / name.removeprefix('lesson-')}.md")


@dataclass(frozen=True)
class Question:
    """Of a grid, each guess is asked for in every cell."""

    text: str
    what: str  # <name>.<metric>
    cell: str  # the name of its folder; "" without a grid


def _questions(scenario: "Scenario") -> list[Question]:
    from leakdrill.scenario.grid import expand_grid

    return [
        Question(" ".join([guess.ask, *(f"[{label}]" for label in cell.labels.values())]), guess.what, cell.name)
        for guess in scenario.guess
        for cell in expand_grid(scenario)
    ]


def _recorded(name: str) -> Path:
    run_dir = RECORDED / name
    if not run_dir.is_dir():
        raise NotFound(f"there is no recorded run in {run_dir}: play the lesson, without --recorded")
    return run_dir


def _names() -> dict[int, str]:
    from leakdrill.scenario.loading import find_scenarios

    return {int(name.split("-")[1]): name for name in find_scenarios() if name.startswith("lesson-")}


def _list() -> None:
    from leakdrill.scenario.loading import find_scenarios

    questions, table = find_scenarios(), Table(box=None)
    for number, name in sorted(_names().items()):
        table.add_row(f"{number}", questions[name], f"leakdrill lesson {number}")
    stdout().print(table)
    typer.echo(f"\ntheir pages: {LESSONS}")


def _ask(topic: str, questions: list[Question]) -> dict[Question, float]:
    """The rates that were guessed; whoever presses enter guesses nothing."""
    from leakdrill.referee.guessing import read_rate

    typer.echo(f"{topic}\n\nGuess first, from 0 to 1 or in percent; enter skips.\n")
    answers = {question: _answer(question.text, read_rate) for question in questions}
    return {question: answer for question, answer in answers.items() if answer is not None}


def _answer(question: str, read: Callable[[str], float]) -> float | None:
    while text := typer.prompt(f"  {question}", default="", show_default=False):
        try:
            return read(text)
        except InvalidInput as error:
            complain(f"  {error}")
    return None


def _play(name: str, run_dir: Path, settings: list[str] | None, smoke: bool) -> None:
    """Raises typer.Exit where there is nothing to compare guesses with: the drill broke or was interrupted."""
    try:
        run(name, out=run_dir, settings=settings, smoke=smoke)
    except typer.Exit as end:
        if end.exit_code not in (EXIT_CODES["met"], EXIT_CODES["not met"], EXIT_CODES["undecided"]):
            raise


def _print_guesses(questions: list[Question], guesses: dict[Question, float], run_dir: Path) -> None:
    from leakdrill.referee.guessing import found

    drills = dict(finished_drills(run_dir))
    table = Table("question", "guess", "found", box=None)
    for question in questions:
        results = drills.get(run_dir / CELLS / question.cell if question.cell else run_dir)
        figure = results and found(results, question.what)
        table.add_row(
            question.text,
            f"{guesses[question]:.2f}" if question in guesses else "",
            f"{figure.value:.2f} [{figure.low:.2f}, {figure.high:.2f}]" if figure else "not reached",
        )
    stdout().print("\nYour guesses", table)
