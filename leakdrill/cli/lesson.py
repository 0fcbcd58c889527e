"""Five lessons: guess, play a small drill, and compare."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from leakdrill.cli.look import print_run
from leakdrill.cli.play import run
from leakdrill.cli.runs import finished_drills
from leakdrill.cli.shell import EXIT_CODES, OutOption, SetOption, SmokeOption, complain, new_run_dir, stdout
from leakdrill.errors import InvalidInput, NotFound

if TYPE_CHECKING:
    from leakdrill.scenario.schema import Scenario

PAGES = Path(__file__).resolve().parents[2] / "docs" / "lessons"
RECORDED = PAGES / "recorded"


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
    guesses: list[float | None] = _ask(loaded.scenario) if ask else [None for _ in loaded.scenario.guess]
    run_dir = RECORDED / name if recorded else new_run_dir(out, loaded.name)
    if recorded:
        print_run(run_dir)
    else:
        _play(name, run_dir, settings, smoke)
    _print_guesses(loaded.scenario, guesses, run_dir)
    typer.echo(f"\nthe report: {run_dir / 'report.html'}\nthe page:   {PAGES / name.removeprefix('lesson-')}.md")


def _names() -> dict[int, str]:
    from leakdrill.scenario.loading import find_scenarios

    return {int(name.split("-")[1]): name for name in find_scenarios() if name.startswith("lesson-")}


def _list() -> None:
    from leakdrill.scenario.loading import find_scenarios

    questions, table = find_scenarios(), Table(box=None)
    for number, name in sorted(_names().items()):
        table.add_row(f"{number}", questions[name], f"leakdrill lesson {number}")
    stdout().print(table)
    typer.echo(f"\ntheir pages: {PAGES}")


def _ask(scenario: "Scenario") -> list[float | None]:
    """A rate for each question, None where enter is pressed."""
    from leakdrill.referee.guessing import read_rate

    typer.echo(f"{scenario.question}\n\nGuess first, from 0 to 1 or in percent; enter skips.\n")
    return [_answer(guess.ask, read_rate) for guess in scenario.guess]


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


def _print_guesses(scenario: "Scenario", guesses: list[float | None], run_dir: Path) -> None:
    from leakdrill.referee.guessing import found

    table = Table("question", "guess", "found", box=None)
    for guess, value in zip(scenario.guess, guesses, strict=True):
        for folder, results in finished_drills(run_dir):
            figure = found(results, guess.what)
            where = "" if folder == run_dir else f" ({folder.name})"
            table.add_row(
                guess.ask + where,
                "" if value is None else f"{value:.2f}",
                "not reached" if figure is None else f"{figure.value:.2f} [{figure.low:.2f}, {figure.high:.2f}]",
            )
    stdout().print("\nYour guesses", table)
