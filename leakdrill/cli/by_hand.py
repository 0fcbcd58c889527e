"""The parties without the adversary's attacks, for a person or a third-party client who plays the adversary by hand."""

import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, cast

from rich.console import Console
from rich.table import Table

from leakdrill.cli.devices import DeviceOption, with_devices
from leakdrill.cli.shell import OutOption, ScenarioArgument, SetOption, SmokeOption, new_run_dir, stdout

if TYPE_CHECKING:
    from leakdrill.referee.local import LocalParties

POLL_SECONDS = 0.5


def up(
    scenario: ScenarioArgument,
    out: OutOption = None,
    settings: SetOption = None,
    smoke: SmokeOption = False,
    device: DeviceOption = None,
) -> None:
    """Start the parties, play everything but the attacks, say where they are, and wait until Ctrl-C.

    \b
    leakdrill up quickstart
    leakdrill up quickstart --smoke --out runs/by-hand
    """
    from leakdrill.referee.console import describe, observe
    from leakdrill.referee.drill import Drill
    from leakdrill.scenario.loading import load_scenario
    from leakdrill.scenario.steps import AttackStep

    console = stdout()
    loaded = load_scenario(scenario, with_devices(settings, device), smoke=smoke)
    steps = [step for step in loaded.scenario.timeline if not isinstance(step, AttackStep)]
    with ExitStack() as stack:
        with observe(console) as observer:
            run_dir = new_run_dir(out, loaded.name)
            drill = stack.enter_context(Drill(loaded.scenario, out=run_dir, observer=observer))
            for index, step in enumerate(steps):
                observer.step(index, len(steps), describe(step))
                drill.play(step)
            drill.open_public_apis()
        parties = cast("LocalParties", drill.parties)  # it was given no others
        _introduce(console, parties)
        _wait(parties)


def _introduce(console: Console, parties: "LocalParties") -> None:
    """Addresses, certificates, and a first thing to try."""
    table = Table.grid(padding=(0, 2))
    for listener, address in sorted(parties.addresses.items()):
        table.add_row(listener, address)
    for party in sorted({listener.partition("/")[0] for listener in parties.addresses}):
        table.add_row(f"{party}'s certificate", str(parties.credentials_dir(party)))
    console.print()
    console.print(table)
    own = parties.credentials_dir("adversary")
    console.print("\nas the adversary, with ca.pem, cert.pem and key.pem, for example:", soft_wrap=True)
    command = f"buf curl --cacert {own}/ca.pem --cert {own}/cert.pem --key {own}/key.pem --protocol grpc"
    console.print(f"  {command} --list-methods https://{parties.addresses['cbig/public']}", soft_wrap=True)
    console.print("docs/oip.md shows how to ask the models with tritonclient", soft_wrap=True)
    console.print("\nCtrl-C stops the parties")


def _wait(parties: "LocalParties") -> None:
    """Until Ctrl-C. Raises PartyUnavailable when a party dies on its own."""
    try:
        while True:
            parties.check()
            time.sleep(POLL_SECONDS)
    except KeyboardInterrupt:
        return
