"""What all commands share: exit codes, consoles, where runs are, and errors that are one line and no traceback."""

import io
import logging
import os
import sys
import time
import traceback
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.logging import RichHandler
from rich.text import Text
from typer.core import TyperGroup

from leakdrill.errors import InvalidInput, LeakdrillError
from leakdrill.results import Results, Verdict

EXIT_CODES: dict[Verdict, int] = {"met": 0, "not met": 1, "broken": 2, "undecided": 3}
BAD_INPUT = EXIT_CODES["broken"]
INTERRUPTED = 130  # 128 + SIGINT
PLAIN_WIDTH = 100  # columns of a table that goes to a file

_SEVERITY: list[Verdict] = ["met", "undecided", "not met", "broken"]

ScenarioArgument = Annotated[
    str, typer.Argument(metavar="SCENARIO", help="A YAML file, or the name of one in scenarios/ or sweeps/.")
]
RunArgument = Annotated[Path, typer.Argument(metavar="RUN", help="The folder of a run, such as runs/quickstart-....")]
OutOption = Annotated[
    Path | None, typer.Option("--out", metavar="DIR", help="Where the run goes; default: runs/NAME-TIME.")
]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Another value for a dotted key of the scenario; repeatable."),
]
PartiesOption = Annotated[
    Path | None,
    typer.Option(
        "--parties",
        metavar="FILE",
        envvar="LEAKDRILL_PARTIES",
        help="Play with the running parties that this file names; default: start local ones.",
    ),
]
SmokeOption = Annotated[
    bool, typer.Option("--smoke", help="The scenario's smallest size: it proves nothing, in seconds.")
]


class Commands(TyperGroup):
    """The top of the command tree, where errors end: one that is written for people is shown to them as it is."""

    def invoke(self, ctx: Any) -> Any:  # typed by click or by typer, as the version of typer has it
        try:
            return super().invoke(ctx)
        except LeakdrillError as error:
            if ctx.params.get("verbose"):
                traceback.print_exc()
            complain(f"error: {error}")
            raise typer.Exit(BAD_INPUT) from error
        except KeyboardInterrupt:
            complain("interrupted")
            raise typer.Exit(INTERRUPTED) from None

    def main(self, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().main(*args, **kwargs)
        except Exception:  # a bug: Python would exit with 1, which says that a drill's expectations were not met
            traceback.print_exc()
            sys.exit(EXIT_CODES["broken"])


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"leakdrill {version('leakdrill')}")
        raise typer.Exit


def main(
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Log what is done, and show where errors come from.")
    ] = False,
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Privacy attacks on transfer learning, played by real services: who was in the training data?

    A scenario says who holds what, what leaks, and what is attacked; a run answers its question with a verdict.
    Exit codes: 0 met, 1 not met, 2 broken or bad input, 3 undecided.

    \b
    leakdrill lesson 1                             guess, play, compare
    leakdrill run quickstart                       play a drill, see what it found
    leakdrill run quickstart --set seed=11         ... with another seed
    leakdrill resume runs/quickstart-...           go on with one that was stopped
    leakdrill runs                                 what was played, and how far it is
    leakdrill check quickstart                     who holds and may call what
    leakdrill list                                 what there is to try
    leakdrill up quickstart                        play the adversary yourself
    leakdrill submit runs/quickstart-... x.csv     ... and have it judged
    leakdrill show runs/quickstart-...             print a finished run again
    leakdrill report runs/quickstart-...           ... as a page with figures
    leakdrill compare runs/old runs/new            what changed between them
    leakdrill run gate --junit gate.xml            fail a build by what leaks
    leakdrill new attack mine                      write an attack of your own
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that lacks a letter must not cost the run its table
    handler = RichHandler(console=Console(stderr=True), show_path=False)
    logging.basicConfig(level=logging.INFO if verbose else logging.WARNING, format="%(message)s", handlers=[handler])


def stdout() -> Console:
    """Tables keep their width in a file; markup in a scenario's words is only text."""
    is_plain = not sys.stdout.isatty() and "COLUMNS" not in os.environ
    return Console(width=PLAIN_WIDTH if is_plain else None, markup=False, highlight=False)


def complain(text: str) -> None:
    Console(stderr=True).print(Text(text), soft_wrap=True)


def exit_code(results: Results | list[Results]) -> int:
    """Of a grid, the worst: a fault before a finding, a finding before what is undecided."""
    verdicts = [cell.verdict for cell in results] if isinstance(results, list) else [results.verdict]
    return EXIT_CODES[max(verdicts, key=_SEVERITY.index)]


def new_run_dir(out: Path | None, name: str) -> Path:
    """Where a run of scenario `name` goes. Raises InvalidInput when something is there already."""
    run_dir = out or Path("runs") / f"{name}-{time.strftime('%Y%m%d-%H%M%S')}"
    if run_dir.exists() and (not run_dir.is_dir() or any(run_dir.iterdir())):
        raise InvalidInput(
            f"{run_dir} is not empty: name another --out, or go on with it by leakdrill resume {run_dir}"
        )
    return run_dir
