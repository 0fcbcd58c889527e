"""The command line. One module for a few commands that belong together; what they share is in shell.py.

Modules that need torch are imported inside the commands: `leakdrill --help` must not take seconds.
"""

from collections.abc import Callable

import typer

from leakdrill.cli.attack import attack
from leakdrill.cli.audit import audit
from leakdrill.cli.by_hand import up
from leakdrill.cli.compare import compare
from leakdrill.cli.convert import data
from leakdrill.cli.lesson import lesson
from leakdrill.cli.look import check, cite, show
from leakdrill.cli.new import new
from leakdrill.cli.play import resume, run
from leakdrill.cli.registry import list_
from leakdrill.cli.report import report
from leakdrill.cli.reproduction import reproduce
from leakdrill.cli.schema import schema
from leakdrill.cli.shell import Commands, main
from leakdrill.cli.status import runs, status
from leakdrill.cli.submit import submit

app = typer.Typer(
    name="leakdrill",
    cls=Commands,
    callback=main,
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

PANELS: dict[str, dict[str, Callable[..., None]]] = {
    "Play": {"run": run, "resume": resume, "up": up, "submit": submit, "attack": attack},
    "Look": {
        "check": check,
        "list": list_,
        "runs": runs,
        "status": status,
        "show": show,
        "report": report,
        "audit": audit,
        "cite": cite,
    },
    "Compare": {"compare": compare, "reproduce": reproduce},
    "Teach": {"lesson": lesson},
    "Extend": {"schema": schema},
}
for panel, commands in PANELS.items():
    for name, command in commands.items():
        app.command(name, rich_help_panel=panel)(command)
app.add_typer(new, name="new", rich_help_panel="Extend")
app.add_typer(data, name="data", rich_help_panel="Extend")
