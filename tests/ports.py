"""Ports for servers that cannot be told to take any."""

import contextlib
import random
import socket
from collections.abc import Iterator

#: Below those that systems hand out by themselves (Linux from 32768), so that nobody else gets one before it is used.
PORTS = range(20_000, 32_000)


def free_ports(count: int) -> list[int]:
    """So many that nobody listens on now, drawn afresh: tests that run side by side want others."""
    with contextlib.ExitStack() as held:
        return [held.enter_context(each).getsockname()[1] for _, each in zip(range(count), _bound(), strict=False)]


def _bound() -> Iterator[socket.socket]:
    draw = random.SystemRandom()
    while True:
        with contextlib.suppress(OSError):  # it is taken
            yield socket.create_server(("127.0.0.1", draw.choice(PORTS)))
