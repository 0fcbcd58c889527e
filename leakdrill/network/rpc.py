"""gRPC as the parties use it: serving and connecting by mutual TLS, long work as a stream, errors both ways."""

import asyncio
import contextlib
import threading
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import Any, TypeVar

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection, reflection_pb2, reflection_pb2_grpc

from leakdrill import errors
from leakdrill.errors import AccessDenied, InvalidInput, LeakdrillError, NotFound, NotReady, PartyUnavailable
from leakdrill.network.guard import ERROR_KEY, Guard, Interceptor
from leakdrill.network.identity import Credentials

Progress = Callable[[float, str], None]
T = TypeVar("T")

MAX_MESSAGE_BYTES = 64 << 20
MAX_CONCURRENT_CALLS = 32  # on one listener: with MAX_MESSAGE_BYTES, a bound on what callers can make us hold
REFLECTION_V1 = "grpc.reflection.v1.ServerReflection"
_LIMITS = [("grpc.max_receive_message_length", MAX_MESSAGE_BYTES), ("grpc.max_send_message_length", MAX_MESSAGE_BYTES)]
_SERVER_OPTIONS = [
    *_LIMITS,
    ("grpc.so_reuseport", 0),  # else a second server could share the port, and get half of the calls
    ("grpc.http2.min_ping_interval_without_data_ms", 20_000),
    ("grpc.server_handshake_timeout_ms", 10_000),  # who connects and says nothing holds a file no longer than that
]
_CLIENT_OPTIONS = [
    *_LIMITS,
    ("grpc.keepalive_time_ms", 30_000),  # a party that vanishes in the middle of a long call is noticed
    ("grpc.keepalive_timeout_ms", 20_000),
    ("grpc.initial_reconnect_backoff_ms", 100),  # a party that starts anew is found again soon
]


@dataclass(frozen=True)
class Listener:
    """A door of a party, and what is served there and nowhere else."""

    name: str  # "private", "public" or "exfiltration": see policy.yaml
    add: Callable[[Any], object]  # registers the servicers on a grpc.aio.Server
    services: tuple[str, ...]  # their full names, for health checking and reflection
    addresses: tuple[str, ...] = ("127.0.0.1:0",)  # port 0 is any free one


@dataclass
class Serving:
    """A party's running servers. Whoever connects is met with `credentials`, which may be replaced at any time."""

    credentials: Credentials
    ports: dict[str, int] = field(default_factory=dict)  # by listener; of its last address
    servers: list[Any] = field(default_factory=list)
    health: list[Any] = field(default_factory=list)

    async def stop(self, grace_seconds: float = 2.0) -> None:
        """Takes no new calls, and gives those that run `grace_seconds` to end."""
        await asyncio.gather(*(servicer.enter_graceful_shutdown() for servicer in self.health))
        await asyncio.gather(*(server.stop(grace_seconds) for server in self.servers))


async def serve(guard: Guard, listeners: Sequence[Listener], credentials: Credentials) -> Serving:
    """Starts one server for each listener, all behind `guard`. Raises PartyUnavailable when an address is taken."""
    serving = Serving(credentials)
    try:
        for listener in listeners:
            await _start(serving, guard, listener)
    except PartyUnavailable:
        await serving.stop(0)
        raise
    return serving


async def _start(serving: Serving, guard: Guard, listener: Listener) -> None:
    server = grpc.aio.server(
        interceptors=[Interceptor(guard, listener.name)],
        options=_SERVER_OPTIONS,
        maximum_concurrent_rpcs=MAX_CONCURRENT_CALLS,
    )
    serving.servers.append(server)
    listener.add(server)
    serving.health.append(await _add_health(server, listener.services))
    _add_reflection(server, listener.services)
    for address in listener.addresses:
        tls = _server_credentials(serving)  # anew: what it begins with is given to one address
        try:
            serving.ports[listener.name] = server.add_secure_port(address, tls)
        except RuntimeError as error:
            raise PartyUnavailable(
                f"{guard.party} cannot listen on {address} for its {listener.name} listener: {error}"
            ) from error
    await server.start()


def _server_credentials(serving: Serving) -> Any:
    """Asks every caller for a certificate; each handshake is made with what `serving` has then."""
    shown = serving.credentials

    def configuration() -> Any:
        return grpc.ssl_server_certificate_configuration([(shown.key, shown.cert)], shown.ca)

    def renewed() -> Any:
        nonlocal shown
        if serving.credentials is shown:
            return None  # as before
        shown = serving.credentials
        return configuration()

    return grpc.dynamic_ssl_server_credentials(configuration(), renewed, require_client_authentication=True)


async def _add_health(server: Any, services: Sequence[str]) -> Any:
    servicer = health.aio.HealthServicer()
    for service in services:
        await servicer.set(service, health_pb2.HealthCheckResponse.SERVING)
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    return servicer


def _add_reflection(server: Any, services: Sequence[str]) -> None:
    """Reflection under both of its names: clients ask for v1 first, and `buf curl` for nothing else if that is refused.

    The messages of v1 are those of v1alpha, field for field. It is not listed: grpcio-reflection has no descriptor of
    it that could be given to a client which asks what it is.
    """
    servicer = reflection.aio.ReflectionServicer([*services, health.SERVICE_NAME, reflection.SERVICE_NAME])
    reflection_pb2_grpc.add_ServerReflectionServicer_to_server(servicer, server)
    answer = grpc.stream_stream_rpc_method_handler(
        servicer.ServerReflectionInfo,
        request_deserializer=reflection_pb2.ServerReflectionRequest.FromString,
        response_serializer=reflection_pb2.ServerReflectionResponse.SerializeToString,
    )
    v1 = grpc.method_handlers_generic_handler(REFLECTION_V1, {"ServerReflectionInfo": answer})
    server.add_generic_rpc_handlers((v1,))


async def stream(work: Callable[[Progress], T], executor: Executor) -> AsyncGenerator[tuple[float, str] | T, None]:
    """Runs `work(progress)` on the executor; yields each (fraction, message) that it reports, then its result.

    When the caller goes away, the work is stopped by its next call of progress.
    """
    loop = asyncio.get_running_loop()
    reports: asyncio.Queue[tuple[float, str] | None] = asyncio.Queue()
    gone = threading.Event()

    def report(item: tuple[float, str] | None) -> None:
        if not gone.is_set():
            loop.call_soon_threadsafe(reports.put_nowait, item)

    def progress(fraction: float, message: str) -> None:
        if gone.is_set():
            raise Abandoned("whoever asked for this work has gone away")
        report((fraction, message))

    running = executor.submit(work, progress)
    running.add_done_callback(lambda _: report(None))
    try:
        while (item := await reports.get()) is not None:
            yield item
        yield running.result()
    finally:
        gone.set()
        running.cancel()


class Abandoned(Exception):
    """Raised inside work whose caller has gone away, to unwind it; never seen by anyone else."""


def connect(address: str, credentials: Credentials, party: str) -> Any:
    """A channel (grpc.Channel, for blocking stubs) to `party` at "host:port", by mutual TLS.

    A server that is not `party` is refused in the handshake, whatever its address.
    """
    tls = grpc.ssl_channel_credentials(credentials.ca, credentials.key, credentials.cert)
    # the certificate must carry the party's name, rather than the address's
    return grpc.secure_channel(address, tls, [*_CLIENT_OPTIONS, ("grpc.ssl_target_name_override", party)])


@contextlib.contextmanager
def remote_errors(party: str) -> Iterator[None]:
    """Turns a failed call into the LeakdrillError that the party raised, its message prefixed with the party.

    What gRPC itself reports, and a party's own bugs, are PartyUnavailable.
    """
    try:
        yield
    except grpc.RpcError as error:
        # every error that gRPC hands to a client is also a grpc.Call, though its type does not say so
        name = dict(error.trailing_metadata() or ()).get(ERROR_KEY, "")
        kind = _BY_NAME.get(name) or _BY_STATUS.get(error.code().name) or PartyUnavailable
        status = f" ({error.code().name})" if kind is PartyUnavailable else ""
        raise kind(f"{party}: {error.details()}{status}") from error


_BY_NAME: dict[str, type[LeakdrillError]] = {
    kind.__name__: kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, LeakdrillError)
}
#: For servers that are not ours. RESOURCE_EXHAUSTED without our metadata is a limit of gRPC's, and no budget.
_BY_STATUS: dict[str, type[LeakdrillError]] = {
    kind.status: kind for kind in (InvalidInput, AccessDenied, NotReady, NotFound)
}
