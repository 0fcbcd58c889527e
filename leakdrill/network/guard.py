"""What stands before every method of a party: identity, policy, decoding, errors, counts, audit.

Every call, whatever its kind, is served as a stream of raw messages, so that nothing a caller sends is read, let alone
parsed, before the policy has let the call in.
"""

import asyncio
import contextlib
import logging
import time
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator
from functools import partial
from typing import Any

import grpc
import prometheus_client
from google.protobuf.message import DecodeError

from leakdrill.errors import AccessDenied, Crowded, InvalidInput, LeakdrillError, PartyUnavailable, RateLimited
from leakdrill.network.audit import AuditLog, excerpt
from leakdrill.network.identity import SPIFFE_PREFIX, Credentials, authority_of
from leakdrill.network.policy import PLAYER, Policy
from leakdrill.network.rate_limit import RateLimit

log = logging.getLogger(__name__)

#: Trailing metadata that names the LeakdrillError: gRPC's own limits use the same statuses.
ERROR_KEY = "leakdrill-error"
UNKNOWN_METHOD = "unknown"  # one name for all of them, or any caller could grow the counters without bound
HEALTH = "/grpc.health.v1.Health/"
MAX_CALLS_PER_CALLER = 16  # at once, on one listener: half of all, so that no one's open streams shut out the others
MAX_CALLS_PER_PLAYER = 4  # of many: it takes eight who conspire to shut out the rest of a class
#: Of one caller's calls, those that are logged one by one: at once, and from then on a second. A line has 300 bytes.
FAILURES, FAILURES_PER_SECOND = 1_000.0, 10.0
ANSWERS, ANSWERS_PER_SECOND = 100_000.0, 100.0
#: Of a refusal, which may quote what it refuses. A status of more than 8 KiB is itself refused by gRPC's clients, and a
#: character may take 12 bytes there.
MAX_MESSAGE_LENGTH = 600

# Names and labels as in grpc-ecosystem's middleware, with the statuses spelt as everywhere here: PERMISSION_DENIED.
_LABELS = ["party", "caller", "grpc_type", "grpc_service", "grpc_method"]
_HANDLED = prometheus_client.Counter("grpc_server_handled", "Calls answered, by status.", [*_LABELS, "grpc_code"])
_SECONDS = prometheus_client.Histogram("grpc_server_handling_seconds", "Time to answer a call.", _LABELS)

Context = Any  # grpc.aio.ServicerContext; grpc is untyped
Handler = Any  # grpc.RpcMethodHandler, or None where no servicer has the method


def caller(context: Context) -> str:
    """The party that the peer's certificate names: "cbig"; "unidentified" when it names none."""
    # gRPC gives this property only where the certificate has exactly one URI, and that a valid SPIFFE ID
    (identity,) = context.auth_context().get("peer_spiffe_id", [b""])
    name = identity.decode()
    return name.removeprefix(SPIFFE_PREFIX) if name.startswith(SPIFFE_PREFIX) else "unidentified"


class Guard:
    """One party's door: the drill's state as this party was told it, and the audit log."""

    def __init__(self, party: str, policy: Policy, audit: AuditLog | None = None) -> None:
        self.party = party
        self.policy = policy
        self.audit = audit
        self._authority: bytes | None = None  # key identifier, once certificates were renewed: no other's are good
        self.state = "setup"  # one of leakdrill.network.policy.STATES; any other grants nothing
        self._failures = RateLimit(FAILURES_PER_SECOND, time.monotonic, FAILURES)
        self._answers = RateLimit(ANSWERS_PER_SECOND, time.monotonic, ANSWERS)

    def check(self, name: str, method: str, listener: str) -> None:
        """Raises AccessDenied unless the policy lets `name` call `method` in the present state."""
        if not self.policy.allows(self.party, method, name, self.state, listener):
            where = f"{self.party}'s {listener} listener while the drill is in state {self.state!r}"
            raise AccessDenied(f"{name} may not call {method} at {where}")

    def trust_only(self, credentials: Credentials) -> None:
        """From now on, whoever comes with a certificate of another authority is refused, on open connections too."""
        self._authority = authority_of(credentials.cert)
        if self.audit:
            self.audit.record("renewed")

    def check_certificate(self, name: str, context: Context) -> None:
        """Raises AccessDenied for one that is no longer good."""
        if self._authority is None:
            return
        (shown,) = context.auth_context()["x509_pem_cert"]
        if authority_of(shown) != self._authority:
            raise AccessDenied(f"{name}'s certificate was revoked: connect with its new one")

    def enter(self, state: str) -> None:
        """Moves this party to another state of the drill. Raises PartyUnavailable when that cannot be audited."""
        if self.audit:
            self.audit.record("state", state=state)
        self.state = state

    def answered(
        self, listener: str, name: str, method: str, status: str, error: LeakdrillError | None = None, path: str = ""
    ) -> None:
        """Audits a call that has ended. `path` is what was asked for where there is no such method.

        Health checks that were answered are left out: they come every few seconds, for hours. One caller's calls fill
        no disk: those over its rate are only counted, as is what the disk does not take.
        """
        if method.startswith(HEALTH) and not error:
            return
        why = {"error": type(error).__name__} if error else {}
        where = {"path": excerpt(path)} if path else {}
        try:
            (self._answers if status == "OK" else self._failures).take(name, 1)
            if error:
                log.info("refused %s to %s: %s", method, name, _bounded(str(error)))
            if self.audit:
                self.audit.record("call", listener=listener, caller=name, method=method, status=status, **why, **where)
        except (RateLimited, PartyUnavailable) as left_out:
            if isinstance(left_out, PartyUnavailable):
                log.error("no call is answered until it is: %s", left_out)
            if self.audit:
                self.audit.leave_out(name)


class Interceptor(grpc.aio.ServerInterceptor):  # type: ignore[misc]  # its base is untyped
    """Puts a guard before every method of one listener, and where there is no method at all."""

    def __init__(self, guard: Guard, listener: str) -> None:
        self._guard = guard
        self._listener = listener
        self._under_way: Counter[str] = Counter()  # calls, by caller; only of those whom the policy lets in

    async def intercept_service(self, continuation: Callable[[Any], Awaitable[Handler]], details: Any) -> Handler:
        handler = await continuation(details)

        async def serve(messages: AsyncIterator[bytes], context: Context) -> None:
            await self._serve(handler, details.method, messages, context)

        return grpc.stream_stream_rpc_method_handler(
            serve, response_serializer=handler.response_serializer if handler else None
        )

    async def _serve(self, handler: Handler, path: str, messages: AsyncIterator[bytes], context: Context) -> None:
        """Answers one call, and turns whatever it raises into a status."""
        name, method = caller(context), path if handler else UNKNOWN_METHOD
        status, refusal = "OK", None
        labels = (self._guard.party, name, *_labels(handler, method))
        try:
            with _SECONDS.labels(*labels).time():
                check = partial(self._check, name, path, context)
                check()
                if handler is None:  # granted by a row for all of its service
                    raise AccessDenied(f"{name} may not call {path}: there is no such method")
                with self._counted(name):
                    if self._guard.audit:
                        self._guard.audit.check()
                    await _call(handler, _each(messages, check), context, check)
        except LeakdrillError as error:
            status, refusal = error.status, error
            context.set_trailing_metadata(((ERROR_KEY, type(error).__name__), *error.metadata()))
            await _abort(context, status, _bounded(str(error)))
        except grpc.aio.AbortError:  # health checking and reflection choose their own status
            status = context.code().name
            raise
        except asyncio.CancelledError:
            status = "CANCELLED"
            raise
        except Exception:
            status = "INTERNAL"
            log.exception("bug in %s, called by %s", method, name)
            await _abort(context, status, "internal error")
        finally:
            _HANDLED.labels(*labels, status).inc()
            self._guard.answered(self._listener, name, method, status, refusal, "" if handler else path)

    def _check(self, name: str, path: str, context: Context) -> None:
        self._guard.check_certificate(name, context)
        self._guard.check(name, path, self._listener)

    @contextlib.contextmanager
    def _counted(self, name: str) -> Iterator[None]:
        """A call of `name` is under way. Raises Crowded, before a message is read, when there are too many."""
        most = MAX_CALLS_PER_PLAYER if name.startswith(f"{PLAYER}-") else MAX_CALLS_PER_CALLER
        if self._under_way[name] >= most:
            raise Crowded(f"{name} has {most} calls under way here, the most at once: wait until one has ended")
        self._under_way[name] += 1
        try:
            yield
        finally:
            self._under_way[name] -= 1


def _labels(handler: Handler, method: str) -> tuple[str, str, str]:
    """The type, service and name of a method, "/package.Service/Method", as the standard metrics have them."""
    if handler is None:
        return "bidi_stream", UNKNOWN_METHOD, UNKNOWN_METHOD
    kinds = {(False, False): "unary", (True, False): "client_stream", (False, True): "server_stream"}
    service, _, name = method.removeprefix("/").partition("/")
    return kinds.get((handler.request_streaming, handler.response_streaming), "bidi_stream"), service, name


def _bounded(message: str) -> str:
    return message if len(message) <= MAX_MESSAGE_LENGTH else f"{message[:MAX_MESSAGE_LENGTH]}..."


async def _abort(context: Context, status: str, message: str) -> None:
    if not context.done():  # gRPC has answered by itself when a message was over its limit
        await context.abort(grpc.StatusCode[status], message)


async def _call(handler: Handler, messages: AsyncIterator[bytes], context: Context, check: Callable[[], None]) -> None:
    """Decodes, runs the servicer's method, and sends what it answers: any of gRPC's four kinds of method.

    A stream of answers ends when `check` raises: a leak that is under way when it is closed, with who reads slowly.
    """
    requests = _decoded(messages, handler.request_deserializer)
    behaviour = handler.unary_unary or handler.unary_stream or handler.stream_unary or handler.stream_stream
    answer = behaviour(requests if handler.request_streaming else await _only(requests), context)
    if isinstance(answer, AsyncGenerator):
        async with contextlib.aclosing(answer):  # so that its cleanup runs now when the caller goes away
            async for response in answer:
                check()
                await context.write(response)
    else:
        response = await answer
        if not handler.response_streaming:  # a coroutine that streams has sent its responses itself
            await context.write(response)


async def _each(messages: AsyncIterator[bytes], check: Callable[[], None]) -> AsyncIterator[bytes]:
    """The messages, while `check` does not raise: between one and the next the drill may have moved on."""
    async for message in messages:
        check()
        yield message


async def _decoded(messages: AsyncIterator[bytes], decode: Callable[[bytes], Any]) -> AsyncIterator[Any]:
    async for message in messages:
        try:
            yield decode(message)
        except DecodeError as error:
            raise InvalidInput(f"not a message of the expected type: {error}") from error


async def _only(requests: AsyncIterator[Any]) -> Any:
    async for request in requests:
        return request
    raise InvalidInput("the call carried no request: send one message")
