"""What `leakdrill up` keeps open for players once the timeline is played: folders, a scoreboard, and a desk."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from leakdrill.errors import AccessDenied, InvalidInput
from leakdrill.player.folder import write_folders
from leakdrill.player.scoreboard import Scoreboard
from leakdrill.player.scores import max_bytes
from leakdrill.player.seats import Seat, write_seats
from leakdrill.player.server import scoreboard_page, submission_desk
from leakdrill.player.submissions import hand_in
from leakdrill.player.telling import num_per_side, step_of
from leakdrill.referee.local import HOST, REFEREE
from leakdrill.referee.stage import Stage, playable_by_hand
from leakdrill.runs.scored import read_truth


@dataclass(frozen=True)
class Listening:
    """Where players reach this machine; port 0 is any free one, of the scoreboard's page."""

    host: str = HOST
    port: int = 0

    @classmethod
    def parse(cls, text: str | None) -> "Listening":
        """HOST or HOST:PORT. Raises InvalidInput for anything else, and for an address that nobody can be sent to."""
        if text is None:
            return cls()
        host, colon, port = text.partition(":")
        if not host or (colon and not port.isdecimal()) or int(port or 0) > 65535:
            raise InvalidInput(
                f"--listen {text!r}: wanted the IPv4 address or name of this machine, and perhaps a port for the "
                "scoreboard, such as 192.168.1.10 or 192.168.1.10:8080"
            )
        if host == "0.0.0.0":
            raise InvalidInput(
                "--listen 0.0.0.0 is no address that players could be sent to: give the one of this machine in their "
                "network (hostname -I lists them)"
            )
        return cls(host, int(port or 0))


@dataclass(frozen=True)
class Hosted:
    scoreboard: Scoreboard
    page_url: str
    submit_url: str
    step: float  # to which AUCs are rounded for players


@contextmanager
def hosting(stage: Stage, seats: tuple[Seat, ...], listening: Listening, is_breached: bool) -> Iterator[Hosted]:
    """Writes every player's folder, and takes and shows their scores until the block is left.

    The drill finds what was handed in on the run's record when it is judged.
    """
    by_caller = {seat.caller: seat for seat in seats}
    referee = playable_by_hand(stage.parties)

    def desk(caller: str, content: bytes) -> str:
        if caller not in by_caller:
            raise AccessDenied(f"{caller} does not play here: hand in with the certificate of a player")
        return str(hand_in(stage.run_dir, by_caller[caller], content))

    write_seats(stage.run_dir, seats)
    scoreboard = Scoreboard(stage.run_dir, seats)
    limit = max_bytes(stage.judge.num_challenge)
    with (
        scoreboard_page(listening.host, listening.port, scoreboard) as page_url,
        submission_desk(listening.host, referee.credentials_dir(REFEREE), limit, desk) as submit_url,
    ):
        write_folders(stage, seats, submit_url, is_breached)
        by_identity = stage.scenario.data.challenge.members_by == "identity"
        step = step_of(num_per_side(read_truth(stage.run_dir), by_identity))
        yield Hosted(scoreboard, page_url, submit_url, step)
