"""A model behind a party's public API of labels, in a process of its own and 20 ms away."""

import asyncio
import multiprocessing
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from benchmarks.side_by_side.problem import ARCH, IMAGE_SIZE, NUM_CLASSES, PredictLabel
from leakdrill.archs import build
from leakdrill.data.forms import ImageForm
from leakdrill.network.identity import Authority, Credentials
from leakdrill.network.policy import Policy
from leakdrill.network.rpc import Guard, Listener, serve
from leakdrill.oracles.remote import RemoteOracle
from leakdrill.parties.inference import InferenceServicer
from leakdrill.parties.ledger import Ledger
from leakdrill.parties.publish import publish
from leakdrill.pb.inference_pb2_grpc import add_GRPCInferenceServiceServicer_to_server

DELAY_SECONDS = 0.01  # each way


@contextmanager
def served(model: nn.Module) -> Iterator[PredictLabel]:
    """The model behind a party's public API of labels, in a process of its own, 20 ms away."""
    spawn = multiprocessing.get_context("spawn")
    ours, theirs = spawn.Pipe()
    with tempfile.TemporaryDirectory() as folder:
        authority = Authority.create()
        for party in ("cbig", "adversary"):
            authority.issue(party, Path(folder) / party)
        save_file(
            {name: tensor.contiguous() for name, tensor in model.state_dict().items()},
            Path(folder) / "model.safetensors",
        )
        process = spawn.Process(target=party_process, args=(Path(folder), theirs))
        process.start()
        theirs.close()
        try:
            credentials = Credentials.load(Path(folder) / "adversary")
            with delayed(int(ours.recv())) as address, RemoteOracle("cbig/source", address, credentials) as oracle:
                yield lambda images: oracle.query(np.rint(images * 255).astype(np.uint8), "label")
        finally:
            ours.close()
            process.join()


def party_process(folder: Path, parent: Connection) -> None:
    """Serves until the parent closes its end of the pipe."""
    torch.set_num_threads(1)
    model = build(ARCH, NUM_CLASSES)
    model.load_state_dict(load_file(folder / "model.safetensors"))
    asyncio.run(serve_until_closed(model, Credentials.load(folder / "cbig"), parent))


async def serve_until_closed(model: nn.Module, credentials: Credentials, parent: Connection) -> None:
    guard = Guard("cbig", Policy.load())
    guard.state = "open"
    models = {"source": publish("source", model, NUM_CLASSES, ImageForm(IMAGE_SIZE), ["label"])}
    servicer = InferenceServicer("cbig", models, Ledger(), ThreadPoolExecutor(1))

    def add(server: Any) -> None:
        add_GRPCInferenceServiceServicer_to_server(servicer, server)

    public = Listener("public", add, ("inference.GRPCInferenceService",))
    serving = await serve(guard, [public], credentials)
    parent.send(serving.ports["public"])
    await asyncio.to_thread(parent.poll, None)  # returns when the other end is closed, too
    await serving.stop()


@contextmanager
def delayed(port: int) -> Iterator[str]:
    """The address of a relay to that port which holds whatever passes for DELAY_SECONDS, either way."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    async def start() -> asyncio.Server:
        return await asyncio.start_server(relay, "127.0.0.1", 0)

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(pump(reader, far_writer), pump(far_reader, writer))

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(1 << 18):
            loop.call_later(DELAY_SECONDS, writer.write, data)
        loop.call_later(DELAY_SECONDS, writer.close)

    server = asyncio.run_coroutine_threadsafe(start(), loop).result()
    try:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        loop.call_soon_threadsafe(server.close)
        loop.call_later(5 * DELAY_SECONDS, loop.stop)
        thread.join()
        loop.close()
