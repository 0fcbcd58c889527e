"""Images per second through a party's live predict API over mutual TLS, against the bare model.

A ResNet-8 of width 16 on 32x32 images is served by a process of its own with one compute thread, as a party serves it
(certificates, policy, ledger, merged batches), and asked by remote oracles in this process. The bare model is called
here, on one thread, in batches of 256, on images that are already in memory. The two take turns, round by round, and
`throughput_ratio` is the median over rounds of API over bare, at batch 256 and one client. The curve gives the same
ratio over batch sizes and concurrent clients. Small batches pay for the fixed tile of 128 examples that makes a score
the same in any company; callers who come together share it.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.side_by_side.party import served
from leakdrill.archs import build
from leakdrill.archs.resnet_cifar import ResNet8
from leakdrill.data.forms import ImageForm
from leakdrill.models.training import softmax, to_tensor
from leakdrill.network.identity import Credentials
from leakdrill.oracles.remote import RemoteOracle
from leakdrill.parties.inference import PublicModel
from leakdrill.parties.publish import publish

NUM_CLASSES = 100
IMAGE_SIZE = 32
BATCH_SIZE = 256
CURVE_BATCH_SIZES = (1, 16, 64, 256, 1024)
CURVE_CLIENTS = (1, 2, 4)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7, help="of the main comparison (default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=1.0, help="of each measurement, about (default: %(default)s)")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    images = np.random.default_rng(0).integers(0, 256, (2048, IMAGE_SIZE, IMAGE_SIZE, 3), dtype=np.uint8)
    with served("cbig", published) as (port, credentials):
        print(json.dumps(compare(images, f"127.0.0.1:{port}", credentials, arguments.rounds, arguments.seconds)))


def compare(
    images: NDArray[np.uint8], address: str, credentials: Credentials, rounds: int, seconds: float
) -> dict[str, float]:
    bare = bare_model(images)
    rates: dict[str, list[float]] = {"bare": [], "api": []}
    with clients(1, BATCH_SIZE, images, address, credentials) as ask:
        for _ in range(rounds):
            rates["bare"].append(images_per_second(bare, seconds))
            rates["api"].append(images_per_second(ask, seconds))
    ratios = [api / alone for api, alone in zip(rates["api"], rates["bare"], strict=True)]
    print(
        f"batch {BATCH_SIZE}, one client, {rounds} rounds: {min(ratios):.2f} to {max(ratios):.2f} of the bare model\n"
    )
    figures = {
        "throughput_ratio": round(statistics.median(ratios), 3),
        "api_images_per_second": round(statistics.median(rates["api"]), 1),
        "bare_images_per_second": round(statistics.median(rates["bare"]), 1),
    }
    print("of the bare model " + "".join(f"{f'{number} at once':>12}" for number in CURVE_CLIENTS))
    for batch_size in CURVE_BATCH_SIZES:
        row = curve_row(bare, batch_size, images, address, credentials, seconds)
        print(f"{f'batch {batch_size}':>17} " + "".join(f"{ratio:>12.3f}" for ratio in row))
        names = [f"ratio_batch_{batch_size}_clients_{number}" for number in CURVE_CLIENTS]
        figures |= {name: round(ratio, 4) for name, ratio in zip(names, row, strict=True)}
    return figures


def curve_row(
    bare: Callable[[], int],
    batch_size: int,
    images: NDArray[np.uint8],
    address: str,
    credentials: Credentials,
    seconds: float,
) -> list[float]:
    """API over bare for each number of clients, the bare model measured just before each."""
    row = []
    for number in CURVE_CLIENTS:
        with clients(number, batch_size, images, address, credentials) as ask:
            alone = images_per_second(bare, seconds)
            row.append(images_per_second(ask, seconds) / alone)
    return row


def images_per_second(work: Callable[[], int], seconds: float) -> float:
    """Calls `work`, which returns how many images it did, for at least `seconds`; the first call only warms up."""
    work()
    start, done = time.perf_counter(), 0
    while (elapsed := time.perf_counter() - start) < seconds:
        done += work()
    return done / elapsed


def bare_model(images: NDArray[np.uint8]) -> Callable[[], int]:
    model = build(ResNet8(width=16), NUM_CLASSES).eval()

    def work() -> int:
        with torch.inference_mode():
            softmax(model(to_tensor(images[:BATCH_SIZE])).numpy())
        return BATCH_SIZE

    return work


@contextmanager
def clients(
    number: int, batch_size: int, images: NDArray[np.uint8], address: str, credentials: Credentials
) -> Iterator[Callable[[], int]]:
    """Work that asks about up to six batches from each of `number` clients, all at once."""
    mine = images[: max(batch_size, min(6 * batch_size, 1024))]
    with ExitStack() as stack:
        oracles = [
            stack.enter_context(RemoteOracle("cbig/source", address, credentials, batch_size)) for _ in range(number)
        ]
        pool = stack.enter_context(ThreadPoolExecutor(number))

        def work() -> int:
            return sum(map(len, pool.map(lambda oracle: oracle.query(mine), oracles)))

        yield work


def published() -> dict[str, PublicModel]:
    model = build(ResNet8(width=16), NUM_CLASSES).eval()
    return {"source": publish("source", model, NUM_CLASSES, ImageForm(IMAGE_SIZE), ["scores"])}


if __name__ == "__main__":
    main()
