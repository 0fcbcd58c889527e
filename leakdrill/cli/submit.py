"""Handing in scores of an attack that was played by hand."""

from pathlib import Path
from typing import Annotated

import typer

from leakdrill.cli.shell import RunArgument
from leakdrill.errors import NotFound


def submit(
    run_dir: RunArgument,
    scores: Annotated[Path, typer.Argument(metavar="SCORES", help="A CSV of id,score or id,score,decision.")],
    name: Annotated[
        str | None,
        typer.Option(
            "--name",
            metavar="NAME",
            help="Whose: a player's of leakdrill up --players, or that of an external attack; default: the only one's.",
        ),
    ] = None,
) -> None:
    """Have the scores of an attack by hand judged. Each counts: a run takes only so many, and answers in hundredths.

    While leakdrill up goes on, or after; for an attack {kind: external}, while the drill waits for it.

    \b
    leakdrill submit runs/quickstart-... runs/quickstart-.../player/scores.csv
    leakdrill submit runs/class scores.csv --name Ada
    """
    from leakdrill.player.seats import seat_of
    from leakdrill.player.submissions import hand_in

    seat = seat_of(run_dir, name)
    try:
        content = scores.read_bytes()
    except (FileNotFoundError, IsADirectoryError) as error:
        raise NotFound(f"no file {scores}: wanted scores.csv, as client.py in the player's folder writes it") from error
    typer.echo(str(hand_in(run_dir, seat, content)))
