"""All pairs of photos of each person through the live verification API, against embedding the photos once.

FaceLeaks, section 5.2, scaled down: 40 people with 50 photos each, 1,225 pairs each. The API is served by a process of
its own with one compute thread over mutual TLS, as csmall serves it; the photos are enrolled, and the pairs asked about
by handle. The bare work is the embedding of the same photos in this process, on one thread. The two take turns, round
by round, and `ratio_to_embedding` is the median over rounds of API over bare: the bound to keep is 3.

The ratio falls as the extractor grows: what the pairs cost does not depend on it.
"""

import argparse
import asyncio
import json
import multiprocessing
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from leakdrill.archs import build, cut
from leakdrill.archs.resnet_cifar import ResNet8
from leakdrill.data.forms import ImageForm
from leakdrill.models.embedding import embed
from leakdrill.network.identity import Authority, Credentials
from leakdrill.network.policy import Policy
from leakdrill.network.rpc import Guard, Listener, serve
from leakdrill.oracles.remote_pairs import RemotePairs
from leakdrill.parties.inference import InferenceServicer
from leakdrill.parties.ledger import Ledger
from leakdrill.parties.publish_verification import Verifier, publish_verification
from leakdrill.pb.inference_pb2_grpc import add_GRPCInferenceServiceServicer_to_server

FORM = ImageForm(32)
NUM_PHOTOS = 50  # of each person


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, default=40, help="(default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=5, help="(default: %(default)s)")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    num_photos = arguments.people * NUM_PHOTOS
    photos = np.random.default_rng(0).integers(0, 256, (num_photos, *FORM.shape), dtype=np.uint8)
    with served_verification() as (address, credentials):
        print(json.dumps(compare(photos, address, credentials, arguments.rounds)))


def compare(photos: NDArray[np.uint8], address: str, credentials: Credentials, rounds: int) -> dict[str, float]:
    model = extractor()
    within = np.stack(np.triu_indices(NUM_PHOTOS, k=1))
    first, second = (within[:, np.newaxis] + np.arange(0, len(photos), NUM_PHOTOS)[:, np.newaxis]).reshape(2, -1)
    taken: dict[str, list[float]] = {"embedding": [], "enrolment": [], "pairs": []}
    embed(model, photos[:256])
    for number in range(rounds):
        asked = photos ^ np.uint8(number)  # other photos in every round: an enrolled one would be known already
        with RemotePairs("csmall/verification", address, credentials) as oracle:
            spent, _ = timed(embed, model, asked)
            taken["embedding"].append(spent)
            spent, handles = timed(oracle.enrol, asked)
            taken["enrolment"].append(spent)
            spent, _ = timed(oracle.distances_of, handles[first], handles[second])
            taken["pairs"].append(spent)
    parts = zip(taken["enrolment"], taken["pairs"], taken["embedding"], strict=True)
    ratios = [(enrolment + pairs) / embedding for enrolment, pairs, embedding in parts]
    print(f"{len(photos):,} photos, {len(first):,} pairs, {rounds} rounds: {min(ratios):.2f} to {max(ratios):.2f}")
    return {
        "ratio_to_embedding": round(statistics.median(ratios), 3),
        **{f"{part}_seconds": round(statistics.median(each), 3) for part, each in taken.items()},
        "pairs_per_second": round(len(first) / statistics.median(taken["pairs"])),
    }


def timed(work: Callable[..., Any], *arguments: Any) -> tuple[float, Any]:
    """The seconds it took, and what came of it."""
    start = time.perf_counter()
    result = work(*arguments)
    return time.perf_counter() - start, result


def extractor() -> nn.Module:
    return cut(build(ResNet8(width=16), 100))[0].eval()


@contextmanager
def served_verification() -> Iterator[tuple[str, Credentials]]:
    """csmall's public API in a process of its own: its address, and the adversary's credentials."""
    spawn = multiprocessing.get_context("spawn")
    ours, theirs = spawn.Pipe()
    with tempfile.TemporaryDirectory() as folder:
        authority = Authority.create()
        for party in ("csmall", "adversary"):
            authority.issue(party, Path(folder) / party)
        process = spawn.Process(target=party_process, args=(Path(folder) / "csmall", theirs))
        process.start()
        theirs.close()
        try:
            yield f"127.0.0.1:{ours.recv()}", Credentials.load(Path(folder) / "adversary")
        finally:
            ours.close()
            process.join()


def party_process(credentials: Path, parent: Connection) -> None:
    """Serves until the parent closes its end of the pipe."""
    torch.set_num_threads(1)
    asyncio.run(serve_until_closed(Credentials.load(credentials), parent))


async def serve_until_closed(credentials: Credentials, parent: Connection) -> None:
    verifier = Verifier(extractor(), FORM, "euclidean", threshold=1.0, secret=1)
    guard = Guard("csmall", Policy.load())
    guard.state = "open"
    models = publish_verification(verifier, ["distance", "same"])
    servicer = InferenceServicer("csmall", models, Ledger(), ThreadPoolExecutor(1))

    def add(server: Any) -> None:
        add_GRPCInferenceServiceServicer_to_server(servicer, server)

    public = Listener("public", add, ("inference.GRPCInferenceService",))
    serving = await serve(guard, [public], credentials)
    parent.send(serving.ports["public"])
    await asyncio.to_thread(parent.poll, None)  # returns when the other end is closed, too
    await serving.stop()


if __name__ == "__main__":
    main()
