"""A model behind a party's public API of labels, in a process of its own and 20 ms away."""

import asyncio
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
from safetensors.torch import load_file, save_file
from torch import nn

from benchmarks.side_by_side.party import served
from benchmarks.side_by_side.problem import ARCH, IMAGE_SIZE, NUM_CLASSES, PredictLabel
from leakdrill.archs import build
from leakdrill.data.forms import ImageForm
from leakdrill.oracles.remote import RemoteOracle
from leakdrill.parties.inference import PublicModel
from leakdrill.parties.publish import publish

DELAY_SECONDS = 0.01  # each way


@contextmanager
def served_labels(model: nn.Module) -> Iterator[PredictLabel]:
    """The model behind a party's public API of labels, in a process of its own, 20 ms away."""
    with tempfile.TemporaryDirectory() as folder:
        weights = Path(folder) / "model.safetensors"
        save_file({name: tensor.contiguous() for name, tensor in model.state_dict().items()}, weights)
        with (
            served("cbig", partial(published, weights)) as (port, credentials),
            delayed(port) as address,
            RemoteOracle("cbig/source", address, credentials) as oracle,
        ):
            yield lambda images: oracle.query(np.rint(images * 255).astype(np.uint8), "label")


def published(weights: Path) -> dict[str, PublicModel]:
    model = build(ARCH, NUM_CLASSES)
    model.load_state_dict(load_file(weights))
    return {"source": publish("source", model, NUM_CLASSES, ImageForm(IMAGE_SIZE), ["label"])}


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
