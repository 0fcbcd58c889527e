"""What every party's process has in common: disk, compute thread, guard, ledger, and the referee's four calls."""

import argparse
import asyncio
import json
import logging
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import grpc
import torch

from leakdrill.errors import InvalidInput, NotReady
from leakdrill.identity import Credentials
from leakdrill.inference import InferenceServicer, PublicModel
from leakdrill.ledger import Ledger
from leakdrill.pb import party_pb2 as pb
from leakdrill.pb.party_pb2_grpc import PartyServiceServicer
from leakdrill.policy import Policy
from leakdrill.rpc import Guard, Listener, serve
from leakdrill.store import SplitStore

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
    ledger: Ledger = field(default_factory=Ledger)
    models: dict[str, PublicModel] = field(default_factory=dict)
    executor: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, thread_name_prefix="compute"))

    def public_api(self) -> InferenceServicer:
        return InferenceServicer(self.name, self.models, self.ledger, self.executor)


class PartyServicer(PartyServiceServicer):
    """The referee's calls. What they mean for one party is in its two hooks, `configure` and `breach`."""

    def __init__(
        self, party: Party, configure: Callable[[str], None], breach: Callable[[str], None] = lambda breach: None
    ) -> None:
        self._party = party
        self._configure = configure
        self._breach = breach

    async def Configure(self, request: pb.ConfigureRequest, context: grpc.aio.ServicerContext) -> pb.ConfigureResponse:
        self._party.models.clear()
        self._party.guard.state = "setup"
        self._configure(request.config_json)
        held = [f"{split}:{digest}" for split, digest in self._party.store.held().items()]
        return pb.ConfigureResponse(held_splits=held)

    async def Provision(
        self, request_iterator: AsyncIterator[pb.ProvisionRequest], context: grpc.aio.ServicerContext
    ) -> pb.ProvisionResponse:
        header = (await anext(request_iterator, pb.ProvisionRequest())).header
        if not header.split:
            raise InvalidInput("a provision stream starts with its header")
        files = _examples(request_iterator, asyncio.get_running_loop())
        size_bytes = await asyncio.to_thread(
            self._party.store.write, header.split, header.image_size, header.digest, header.num_examples, files
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
        self._party.guard.state = STATES[request.state]
        log.info("the drill's state is now %s", self._party.guard.state)
        return pb.TransitionResponse(state=request.state)

    async def Collect(self, request: pb.CollectRequest, context: grpc.aio.ServicerContext) -> pb.CollectResponse:
        queries = [
            pb.QueryCount(caller=caller, model=model, output=output, num_examples=count)
            for (caller, model, output), count in sorted(self._party.ledger.counts().items())
        ]
        refusals = [
            pb.Refusal(caller=caller, method=method, status=status, count=count)
            for (caller, method, status), count in sorted(self._party.guard.refusals.items())
        ]
        return pb.CollectResponse(queries=queries, refusals=refusals)


def configured(value: T | None, what: str) -> T:
    """`value`, or NotReady saying which earlier call is missing."""
    if value is None:
        raise NotReady(f"{what} is not there yet: play the timeline's earlier steps first")
    return value


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


def main(name: str, listeners: Callable[[Party, str], Sequence[Listener]]) -> None:
    """Run party `name` until its standard input closes or it is asked to stop.

    `listeners(party, host)` says where the party listens and what it offers there. Ports are written to the ready file
    once the party answers. Standard input is held open by whoever started the party, so that none outlives its referee.
    """
    parser = argparse.ArgumentParser(prog=f"services.{name}", description=f"The party {name} of a drill.")
    parser.add_argument("--home", type=Path, required=True, help="the party's own disk")
    parser.add_argument("--credentials", type=Path, required=True, help="folder with ca.pem, cert.pem, key.pem")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: 127.0.0.1)")
    parser.add_argument("--ready", type=Path, required=True, help="JSON file of ports, written once serving")
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s", stream=sys.stderr)
    torch.set_num_threads(1)  # the same scores bit for bit, and no party slows another more than it must
    asyncio.run(_serve(name, args, listeners))


async def _serve(name: str, args: argparse.Namespace, listeners: Callable[[Party, str], Sequence[Listener]]) -> None:
    credentials = Credentials.load(args.credentials)
    guard = Guard(name, Policy.load())
    party = Party(name, args.home, credentials, guard, SplitStore(args.home / "splits"))
    serving = await serve(guard, listeners(party, args.host), credentials)
    _write_atomically(args.ready, json.dumps(serving.ports))
    await _until_told_to_stop()
    await serving.stop()
    os._exit(0)  # a compute thread in the middle of a training must not delay the stop


async def _until_told_to_stop() -> None:
    loop, stopped = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    if not sys.stdin.closed:
        loop.add_reader(sys.stdin.fileno(), lambda: stopped.set() if not os.read(sys.stdin.fileno(), 1024) else None)
    await stopped.wait()


def _write_atomically(path: Path, text: str) -> None:
    part = path.with_suffix(".part")
    part.write_text(text)
    part.replace(path)
