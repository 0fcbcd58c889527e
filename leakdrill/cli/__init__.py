"""The command line. One module for a few commands that belong together; what they share is in shell.py.

Modules that need torch are imported inside the commands: `leakdrill --help` must not take seconds.
"""

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

app = typer.Typer(
    name="leakdrill",
    cls=Commands,
    callback=main,
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(run)
app.command()(check)
app.command("list")(list_)
app.command()(up)
app.command()(attack)
app.command()(show)
app.command()(audit)
app.command()(resume)
app.command()(report)
app.command()(reproduce)
app.command()(compare)
app.command()(cite)
app.command()(lesson)
app.command()(schema)
app.add_typer(data, name="data")
app.add_typer(new, name="new")
