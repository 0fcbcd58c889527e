"""The parties without the adversary's attacks, for people or third-party clients who play the adversary by hand."""

import logging
import resource
import shlex
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.live import Live
from rich.table import Table

from leakdrill.cli.devices import DeviceOption, with_devices
from leakdrill.cli.report import leave_report
from leakdrill.cli.shell import OutOption, ScenarioArgument, SetOption, SmokeOption, new_run_dir, stdout
from leakdrill.errors import PartyUnavailable

if TYPE_CHECKING:
    from leakdrill.player.hosting import Hosted
    from leakdrill.player.seats import Seat
    from leakdrill.referee.local import LocalParties

log = logging.getLogger(__name__)

POLL_SECONDS = 0.5
MOST_FILES = 65_536  # open at once in each process: a connection is one, and many who connect must not end a class

ListenOption = Annotated[
    str | None,
    typer.Option(
        "--listen",
        metavar="HOST[:PORT]",
        help="This machine's address in the players' network, and the scoreboard's port; default: this machine alone.",
    ),
]
PlayersOption = Annotated[
    Path | None,
    typer.Option(
        "--players",
        metavar="FILE",
        help="Their names, one a line: each gets a folder, a budget and a row of their own.",
    ),
]
SubmissionsOption = Annotated[
    int, typer.Option("--submissions", metavar="N", min=1, max=100, help="How often each player may hand in scores.")
]


def up(
    scenario: ScenarioArgument,
    out: OutOption = None,
    settings: SetOption = None,
    smoke: SmokeOption = False,
    device: DeviceOption = None,
    listen: ListenOption = None,
    players: PlayersOption = None,
    submissions: SubmissionsOption = 3,
) -> None:
    """Start the parties, play everything but the attacks, write folders for who plays the adversary, wait until Ctrl-C.

    A folder has the challenge, what else the scenario grants, a certificate, and a client.py to begin with.

    \b
    leakdrill up quickstart
    leakdrill up quickstart --smoke --out runs/by-hand
    leakdrill up quickstart --listen 192.168.1.10:8080 --players names.txt
    """
    from leakdrill.player.hosting import Listening, hosting
    from leakdrill.player.seats import alone, of_class, read_names
    from leakdrill.referee.console import describe, observe
    from leakdrill.referee.drill import Drill
    from leakdrill.referee.local import LocalParties
    from leakdrill.scenario.loading import load_scenario
    from leakdrill.scenario.steps import AttackStep

    console = stdout()
    _allow_many_files()
    listening = Listening.parse(listen)
    seats = of_class(read_names(players), submissions) if players else alone(submissions)
    loaded = load_scenario(scenario, with_devices(settings, device), smoke=smoke)
    steps = [step for step in loaded.scenario.timeline if not isinstance(step, AttackStep)]
    played = loaded.scenario.model_copy(update={"timeline": steps, "expect": [], "guess": []})
    run_dir = new_run_dir(out, loaded.name)
    guests = [seat.caller for seat in seats] if players else []
    parties = LocalParties(run_dir, public_host=listening.host, callers=guests)
    with ExitStack() as stack:
        with observe(console) as observer:
            drill = stack.enter_context(Drill(played, out=run_dir, observer=observer, parties=parties))
            for index, step in enumerate(steps):
                observer.step(index, len(steps), describe(step))
                drill.play(step)
            drill.open_public_apis()
        doors = [step.step for step in steps if step.step in ("breach", "revoke")]
        is_breached = doors[-1:] == ["breach"]
        with hosting(drill.stage, seats, listening, is_breached) as hosted:
            _introduce(console, parties, run_dir, seats, hosted)
            died = _watch(console, parties, hosted)
        if any(line.num_submissions for line in hosted.scoreboard.standings()):
            later = f"Ctrl-C leaves it to leakdrill resume {shlex.quote(str(run_dir))}"
            console.print(f"\njudging what was handed in, with all that is in a report; {later}", soft_wrap=True)
            with suppress(KeyboardInterrupt):
                drill.judge(error=drill.stage.diagnosis(died) if died else None)
                leave_report(run_dir)
        if died:
            raise died


def _introduce(
    console: Console, parties: "LocalParties", run_dir: Path, seats: tuple["Seat", ...], hosted: "Hosted"
) -> None:
    """Addresses, certificates, folders, and a first thing to try."""
    table = Table.grid(padding=(0, 2))
    for listener, address in sorted(parties.addresses.items()):
        table.add_row(listener, address)
    for party in sorted({listener.partition("/")[0] for listener in parties.addresses}):
        table.add_row(f"{party}'s certificate", str(parties.credentials_dir(party)))
    table.add_row("scoreboard", hosted.page_url)
    console.print()
    console.print(table)
    own = parties.credentials_dir("adversary")
    console.print("\nas the adversary, with ca.pem, cert.pem and key.pem, for example:", soft_wrap=True)
    command = f"buf curl --cacert {own}/ca.pem --cert {own}/cert.pem --key {own}/key.pem --protocol grpc"
    console.print(f"  {command} --list-methods https://{parties.addresses['cbig/public']}", soft_wrap=True)
    first = run_dir / seats[0].folder
    console.print(f"  python {shlex.quote(str(first / 'client.py'))} --submit", soft_wrap=True)
    if len(seats) > 1:
        console.print(f"each of {len(seats)} players needs their own folder, {first.parent}/player-NAME, and no other")
    console.print("docs/play-by-hand.md leads through it; docs/oip.md has the protocol", soft_wrap=True)
    if hosted.step > 0.01:
        warning = f"the challenge is small: players are told their AUC to {hosted.step:.2f}, and even so it tells much"
        console.print(f"{warning} of who is a member", soft_wrap=True)
    console.print("\nCtrl-C stops the parties\n")


def _watch(console: Console, parties: "LocalParties", hosted: "Hosted") -> PartyUnavailable | None:
    """The scoreboard until Ctrl-C, or SIGTERM, or a party dies on its own: of what, then."""
    from leakdrill.player.scoreboard import table

    shown, num_shown = None, 0
    with _stopped_by_sigterm(), suppress(KeyboardInterrupt), Live(console=console, auto_refresh=False) as live:
        while True:
            try:
                parties.check()
            except PartyUnavailable as died:
                return died
            try:
                lines = hosted.scoreboard.standings()
            except OSError as error:  # too many files are open for a moment: no reason to end a class
                log.warning("cannot look at the scoreboard now: %s", error)
                time.sleep(POLL_SECONDS)
                continue
            num_submissions = sum(line.num_submissions for line in lines)
            if console.is_terminal and lines != shown:
                live.update(table(lines), refresh=True)
            elif num_submissions != num_shown:  # a log has whole tables, one for each submission
                console.print(table(lines))
            shown, num_shown = lines, num_submissions
            time.sleep(POLL_SECONDS)
    return None


def _allow_many_files() -> None:
    """Here, and in the parties that are started from here; as many as the system lets anybody have."""
    now, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_FILES if most == resource.RLIM_INFINITY else min(MOST_FILES, most)
    if now != resource.RLIM_INFINITY and now < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))


@contextmanager
def _stopped_by_sigterm() -> Iterator[None]:
    """As by Ctrl-C: a class that is stopped so is judged, too."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
