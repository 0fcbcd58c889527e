"""A retried request is free, and gets the answer of the first: while it is computed, and after its caller has gone.

The key travels as metadata `idempotency-key`, the HTTP header of draft-ietf-httpapi-idempotency-key-header-07. We take
its value as it stands, where the draft wants it quoted.
"""

import asyncio
import hashlib
import logging
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from google.protobuf.message import Message

from leakdrill.errors import InvalidInput

log = logging.getLogger(__name__)

IDEMPOTENCY_KEY = "idempotency-key"
MAX_KEY_LENGTH = 128
KEPT_BYTES = 64 << 20  # of replies, for those who lost theirs
ENTRY_BYTES = 1 << 10  # what keeping a reply takes beside its contents, about
MAX_ABANDONED = 8  # answers under way that nobody waits for any longer; a bound on what callers who leave make us hold


Reply = TypeVar("Reply", bound=Message)


def key_of(metadata: Iterable[tuple[str, Any]]) -> str:
    """The call's idempotency key, "" when it has none. Raises InvalidInput for a malformed one, or several."""
    keys = [value for name, value in metadata if name == IDEMPOTENCY_KEY]
    if not keys:
        return ""
    if (
        len(keys) > 1
        or not isinstance(keys[0], str)
        or not keys[0].isascii()
        or not 1 <= len(keys[0]) <= MAX_KEY_LENGTH
    ):
        raise InvalidInput(f"got {IDEMPOTENCY_KEY} {str(keys)[:200]}, wanted one of 1 to {MAX_KEY_LENGTH} characters")
    return keys[0]


def digest(request: Message) -> str:
    """SHA-256 of all that `request` says; a request that comes back under its key must have the same."""
    return hashlib.sha256(request.SerializeToString(deterministic=True)).hexdigest()


@dataclass
class _Pending(Generic[Reply]):
    request: str  # its digest
    task: asyncio.Task[Reply]
    num_waiting: int = 0


class Replies(Generic[Reply]):
    """The replies of one model by caller and key: those under way, and as many of the last ones as fit `kept_bytes`.

    A reply no longer kept is computed again; models answer deterministically, so it is the same. (Noise that is fresh
    at every question hangs on the question's number in the ledger, which is that of the first time.)
    """

    def __init__(self, kept_bytes: int = KEPT_BYTES) -> None:
        self._max_bytes = kept_bytes
        self._kept_bytes = 0
        self._kept: OrderedDict[tuple[str, str], tuple[str, Reply]] = OrderedDict()
        self._pending: dict[tuple[str, str], _Pending[Reply]] = {}

    async def once(
        self,
        caller: str,
        key: str,
        request: str,
        charge: Callable[[], None],
        compute: Callable[[], Coroutine[Any, Any, Reply]],
    ) -> Reply:
        """The reply to `request` (its digest); `charge` and `compute` are called only if there is none.

        What `charge` raises leaves nothing behind. The computation outlives its callers.
        Raises InvalidInput when the key came before with another request.
        """
        who = caller, key
        if who in self._kept:
            asked, reply = self._kept[who]
            check_same(key, asked, request)
            self._kept.move_to_end(who)
            return reply
        if who not in self._pending:
            charge()
            self._start(who, request, compute)
        pending = self._pending[who]
        check_same(key, pending.request, request)
        return await self._wait(pending)

    def _start(self, who: tuple[str, str], request: str, compute: Callable[[], Coroutine[Any, Any, Reply]]) -> None:
        pending = _Pending(request, asyncio.create_task(compute()))
        self._pending[who] = pending
        pending.task.add_done_callback(lambda task: self._finish(who, pending))

    async def _wait(self, pending: _Pending[Reply]) -> Reply:
        pending.num_waiting += 1
        try:
            return await asyncio.shield(pending.task)
        finally:
            pending.num_waiting -= 1
            self._bound_abandoned()

    def _bound_abandoned(self) -> None:
        """Gives up the oldest computations that nobody waits for; their requests are paid, and can be asked again."""
        abandoned = [who for who, pending in self._pending.items() if not pending.num_waiting]
        for who in abandoned[: max(0, len(abandoned) - MAX_ABANDONED)]:
            self._pending.pop(who).task.cancel()

    def _finish(self, who: tuple[str, str], pending: _Pending[Reply]) -> None:
        if self._pending.get(who) is pending:
            del self._pending[who]
        if pending.task.cancelled():
            return
        if error := pending.task.exception():
            if not pending.num_waiting:  # else it reaches those who wait
                log.error("bug in answering a caller who has gone away", exc_info=error)
            return
        self._keep(who, pending.request, pending.task.result())

    def _keep(self, who: tuple[str, str], request: str, reply: Reply) -> None:
        size_bytes = ENTRY_BYTES + reply.ByteSize()
        if who in self._kept or size_bytes > self._max_bytes:
            return
        self._kept[who] = request, reply
        self._kept_bytes += size_bytes
        while self._kept_bytes > self._max_bytes:
            _, (_, oldest) = self._kept.popitem(last=False)
            self._kept_bytes -= ENTRY_BYTES + oldest.ByteSize()


def check_same(key: str, asked: str, request: str) -> None:
    """Raises InvalidInput unless the request (its digest) is the one that was asked under this key."""
    if asked != request:
        raise InvalidInput(f"idempotency key {key!r} came before with another request: a new request needs a new key")
