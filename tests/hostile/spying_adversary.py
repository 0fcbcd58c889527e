"""Starts the adversary as services.adversary does, with its options, tapped and with the spy among its attacks."""

import runpy
from typing import Union

import tap
from spy import Spy

if __name__ == "__main__":
    tap.listen()
    from services.adversary import servicer

    servicer.AttackSpec = Union[servicer.AttackSpec, Spy]  # noqa: UP007  # what is annotated has no `|`
    runpy.run_module("services.adversary", run_name="__main__")
