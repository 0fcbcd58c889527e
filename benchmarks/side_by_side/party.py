"""A party's public API in a process of its own with one compute thread, over mutual TLS, as parties serve it."""

import asyncio
import multiprocessing
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import torch

from leakdrill.network.guard import Guard
from leakdrill.network.identity import Authority, Credentials
from leakdrill.network.policy import Policy
from leakdrill.network.rpc import Listener, serve
from leakdrill.parties.inference import InferenceServicer, PublicModel
from leakdrill.parties.ledger import Ledger
from leakdrill.pb.inference_pb2_grpc import add_GRPCInferenceServiceServicer_to_server

Publish = Callable[[], dict[str, PublicModel]]  # called in the party's process: a function of a module


@contextmanager
def served(party: str, publish: Publish) -> Iterator[tuple[int, Credentials]]:
    """The port of the API on 127.0.0.1, and the adversary's credentials."""
    spawn = multiprocessing.get_context("spawn")
    ours, theirs = spawn.Pipe()
    with tempfile.TemporaryDirectory() as folder:
        authority = Authority.create()
        for name in (party, "adversary"):
            authority.issue(name, Path(folder) / name)
        process = spawn.Process(target=_party_process, args=(party, publish, Path(folder) / party, theirs))
        process.start()
        theirs.close()
        try:
            yield int(ours.recv()), Credentials.load(Path(folder) / "adversary")
        finally:
            ours.close()
            process.join()


def _party_process(party: str, publish: Publish, credentials: Path, parent: Connection) -> None:
    """Serves until the parent closes its end of the pipe."""
    torch.set_num_threads(1)
    asyncio.run(_serve_until_closed(party, publish(), Credentials.load(credentials), parent))


async def _serve_until_closed(
    party: str, models: dict[str, PublicModel], credentials: Credentials, parent: Connection
) -> None:
    guard = Guard(party, Policy.load())
    guard.state = "open"
    servicer = InferenceServicer(party, models, Ledger(), ThreadPoolExecutor(1))

    def add(server: Any) -> None:
        add_GRPCInferenceServiceServicer_to_server(servicer, server)

    public = Listener("public", add, ("inference.GRPCInferenceService",))
    serving = await serve(guard, [public], credentials)
    parent.send(serving.ports["public"])
    await asyncio.to_thread(parent.poll, None)  # returns when the other end is closed, too
    await serving.stop()
