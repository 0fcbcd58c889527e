"""What every party's process has in common: disk, compute thread, guard, ledger, and the referee's calls."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TypeVar

import grpc

from leakdrill import logs
from leakdrill.errors import InvalidInput, NotReady
from leakdrill.models import device
from leakdrill.network import rpc
from leakdrill.network.guard import Guard
from leakdrill.network.identity import Credentials
from leakdrill.network.rpc import Progress
from leakdrill.parties.inference import InferenceServicer, PublicModel
from leakdrill.parties.ledger import Ledger
from leakdrill.parties.messages import form_of
from leakdrill.parties.store import SplitStore
from leakdrill.pb import party_pb2 as pb
from leakdrill.pb.party_pb2_grpc import PartyServiceServicer

log = logging.getLogger(__name__)

T = TypeVar("T")

STATES = {pb.DRILL_STATE_SETUP: "setup", pb.DRILL_STATE_OPEN: "open", pb.DRILL_STATE_BREACHED: "breached"}


@dataclass
class Party:
    """One party's process-wide things. One compute thread: two models at once would only slow each other."""

    name: str
    home: Path
    credentials: Credentials
    guard: Guard
    store: SplitStore
    ledger: Ledger = field(init=False)
    models: dict[str, PublicModel] = field(default_factory=dict)
    progress: dict[str, float] = field(default_factory=dict)  # 0 to 1, by task: "train"
    leaving: asyncio.Event = field(default_factory=asyncio.Event)
    renew: Callable[[], None] = lambda: None  # takes up the certificate that its folder has now
    executor: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, thread_name_prefix="compute"))

    def __post_init__(self) -> None:
        self.ledger = Ledger(self.home / "ledger")

    def public_api(self) -> InferenceServicer:
        return InferenceServicer(self.name, self.models, self.ledger, self.executor)

    def begin(self, drill: str) -> None:
        """A drill begins, or begins again: whatever is recorded from now on carries its id."""
        logs.carry_drill(drill)
        if self.guard.audit:
            self.guard.audit.begin(drill)
        self.guard.enter("setup")

    def leave(self) -> None:
        """The process ends; one that has successors (leakdrill/parties/launch.py) is followed by a fresh one."""
        log.info("leaving this place to a fresh process")
        self.leaving.set()

    async def stream(self, task: str, work: Callable[[Progress], T]) -> AsyncIterator[tuple[float, str] | T]:
        """As leakdrill.network.rpc.stream, on the compute thread; how far it is can be seen in `progress`."""
        self.progress[task] = 0.0
        async with contextlib.aclosing(rpc.stream(work, self.executor)) as items:
            async for item in items:
                self.progress[task] = item[0] if isinstance(item, tuple) else 1.0
                yield item


class PartyServicer(PartyServiceServicer):
    """The referee's calls. What they mean for one party is in its hooks.

    `configure` takes the party's part of the scenario and returns the drill's id; `defend`, on the compute thread, what
    stands before an API from now on.
    """

    def __init__(
        self,
        party: Party,
        configure: Callable[[str], str],
        breach: Callable[[str], None] = lambda breach: None,
        defend: Callable[[str], None] = lambda defences: None,
    ) -> None:
        self._party = party
        self._configure = configure
        self._breach = breach
        self._defend = defend

    async def Configure(self, request: pb.ConfigureRequest, context: grpc.aio.ServicerContext) -> pb.ConfigureResponse:
        self._party.models.clear()
        self._party.progress.clear()
        self._party.guard.state = "setup"  # also when the configuration is refused
        self._party.begin(self._configure(request.config_json))
        held = [f"{split}:{digest}" for split, digest in self._party.store.held().items()]
        return pb.ConfigureResponse(held_splits=held, device=device.described())

    async def Provision(
        self, request_iterator: AsyncIterator[pb.ProvisionRequest], context: grpc.aio.ServicerContext
    ) -> pb.ProvisionResponse:
        header = (await anext(request_iterator, pb.ProvisionRequest())).header
        if not header.split:
            raise InvalidInput("a provision stream starts with its header")
        files = _examples(request_iterator, asyncio.get_running_loop())
        size_bytes = await asyncio.to_thread(
            self._party.store.write, header.split, form_of(header), header.digest, header.num_examples, files
        )
        log.info("dealt %d examples as %s", header.num_examples, header.split)
        return pb.ProvisionResponse(num_examples=header.num_examples, size_bytes=size_bytes)

    async def Transition(
        self, request: pb.TransitionRequest, context: grpc.aio.ServicerContext
    ) -> pb.TransitionResponse:
        if request.state not in STATES:
            raise InvalidInput(f"no drill state {request.state}: one of {sorted(STATES)}")
        if request.state == pb.DRILL_STATE_BREACHED:
            self._breach(request.breach_json)
        self._party.guard.enter(STATES[request.state])
        log.info("the drill's state is now %s", self._party.guard.state)
        return pb.TransitionResponse(state=request.state)

    async def Allot(self, request: pb.AllotRequest, context: grpc.aio.ServicerContext) -> pb.AllotResponse:
        self._party.ledger.allot(request.allowance)
        return pb.AllotResponse()

    async def Defend(self, request: pb.DefendRequest, context: grpc.aio.ServicerContext) -> pb.DefendResponse:
        work = partial(self._defend, request.defences_json)
        await asyncio.get_running_loop().run_in_executor(self._party.executor, work)
        return pb.DefendResponse()

    async def Renew(self, request: pb.RenewRequest, context: grpc.aio.ServicerContext) -> pb.RenewResponse:
        self._party.renew()
        log.info("certificates were renewed")
        return pb.RenewResponse()

    async def Collect(self, request: pb.CollectRequest, context: grpc.aio.ServicerContext) -> pb.CollectResponse:
        queries = [
            pb.QueryCount(caller=caller, model=model, output=output, num_examples=count)
            for (caller, model, output), count in sorted(self._party.ledger.counts().items())
        ]
        return pb.CollectResponse(queries=queries)

    async def Audit(
        self, request: pb.AuditRequest, context: grpc.aio.ServicerContext
    ) -> AsyncIterator[pb.AuditResponse]:
        for chunk in self._party.guard.audit.chunks() if self._party.guard.audit else ():
            yield pb.AuditResponse(chunk=chunk)


def configured(value: T | None, what: str) -> T:
    """`value`, or NotReady saying which earlier call is missing."""
    if value is None:
        raise NotReady(f"{what} is not there yet: play the timeline's earlier steps first")
    return value


def check_unchanged(config: object, now: object) -> None:
    """Raises NotReady when `config`, with which some work began, is no longer the configuration: its drill is over."""
    if now is not config:
        raise NotReady("configured anew while this was under way, so its result is dropped: ask for it again")


def _examples(
    requests: AsyncIterator[pb.ProvisionRequest], loop: asyncio.AbstractEventLoop
) -> Iterator[tuple[bytes, int]]:
    """The stream's examples for a thread that reads them in turn: never more than one message in memory."""
    while True:
        message = asyncio.run_coroutine_threadsafe(_next(requests), loop).result()
        if message is None:
            return
        for example in message.batch.examples:
            yield example.file, example.label


async def _next(requests: AsyncIterator[pb.ProvisionRequest]) -> pb.ProvisionRequest | None:
    return await anext(requests, None)
