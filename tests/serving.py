"""A party's real servers on port 0, for tests: their event loop runs in a thread, the test is a blocking client."""

import asyncio
import threading
from collections.abc import Coroutine, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from leakdrill.network.guard import Guard
from leakdrill.network.identity import Credentials
from leakdrill.network.rpc import Listener, serve


@contextmanager
def running_loop() -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield loop
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def run(loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run_coroutine_threadsafe(work, loop).result(timeout=30)


@contextmanager
def served(guard: Guard, listeners: Sequence[Listener], credentials: Credentials) -> Iterator[dict[str, str]]:
    """The listeners' addresses, by name."""
    with running_loop() as loop:
        serving = run(loop, serve(guard, listeners, credentials))
        try:
            yield {name: f"127.0.0.1:{port}" for name, port in serving.ports.items()}
        finally:
            run(loop, serving.stop(0))
