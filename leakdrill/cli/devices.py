"""--device: a short way to set `cbig.device`, `csmall.device` and `adversary.device`."""

from collections.abc import Sequence
from typing import Annotated

import typer

from leakdrill.errors import InvalidInput

PARTIES = ("cbig", "csmall", "adversary")

DeviceOption = Annotated[
    list[str] | None,
    typer.Option(
        "--device",
        metavar="[PARTY=]DEVICE",
        help="Where the parties compute, or one of them: auto, cpu, cuda, cuda:N or mps; repeatable.",
    ),
]


def with_devices(settings: Sequence[str] | None, devices: Sequence[str] | None) -> list[str]:
    """What --set says, and what --device does. Raises InvalidInput for a party that there is not."""
    said: dict[str, str] = {}
    for each in devices or ():
        party, equals, name = each.rpartition("=")
        if equals and party not in PARTIES:
            raise InvalidInput(f"--device {each}: no party {party!r}, only {', '.join(PARTIES)}")
        said |= dict.fromkeys([party] if equals else PARTIES, name)
    return [*(settings or ()), *(f"{party}.device={name}" for party, name in said.items())]
