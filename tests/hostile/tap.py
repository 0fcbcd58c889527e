"""In the adversary's process: every call and message that reaches it, with the time, before anything else sees it.

`listen()` puts an interceptor of ours before the party's own. Nothing stops an adversary from doing that: the process
is its own.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import grpc

CONFIGURE = "/leakdrill.v1.PartyService/Configure"
PROVISION = "/leakdrill.v1.PartyService/Provision"


@dataclass
class Call:
    """One call as it arrived. Times are of the monotonic clock, in nanoseconds."""

    method: str
    metadata: str
    peer: str
    started: int
    clock: float  # the wall's, in seconds
    messages: list[tuple[int, bytes]] = field(default_factory=list)


#: The calls of the present drill, which a Configure begins.
CALLS: list[Call] = []
#: What was dealt in earlier ones: a split that the party holds already is not dealt again.
DEALT_BEFORE: list[Call] = []


def listen() -> None:
    """From here on, every gRPC server that this process makes is tapped."""
    make = grpc.aio.server

    def server(*arguments: Any, interceptors: Any = (), **options: Any) -> Any:
        return make(*arguments, interceptors=[Tap(), *(interceptors or ())], **options)

    grpc.aio.server = server


class Tap(grpc.aio.ServerInterceptor):
    async def intercept_service(self, continuation: Callable[[Any], Awaitable[Any]], details: Any) -> Any:
        handler = await continuation(details)

        async def serve(messages: AsyncIterator[bytes], context: Any) -> None:
            metadata = [tuple(item) for item in details.invocation_metadata or ()]
            call = Call(details.method, repr(metadata), context.peer(), time.monotonic_ns(), time.time())
            if call.method == CONFIGURE:
                DEALT_BEFORE.extend(each for each in CALLS if each.method == PROVISION)
                CALLS.clear()
            CALLS.append(call)
            await handler.stream_stream(_tapped(messages, call), context)  # the guard serves every kind so

        return grpc.stream_stream_rpc_method_handler(serve, response_serializer=handler.response_serializer)


async def _tapped(messages: AsyncIterator[bytes], call: Call) -> AsyncIterator[bytes]:
    """The messages, each timed when it came in rather than when the party gets round to it."""
    arrived: asyncio.Queue[bytes | None] = asyncio.Queue()

    async def read() -> None:
        async for message in messages:
            call.messages.append((time.monotonic_ns(), message))
            arrived.put_nowait(message)
        arrived.put_nowait(None)

    reading = asyncio.create_task(read())
    try:
        while (message := await arrived.get()) is not None:
            yield message
        await reading
    finally:
        reading.cancel()
