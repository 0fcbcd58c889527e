"""All pairs of photos of each person through the live verification API, against embedding the photos once.

FaceLeaks, section 5.2, scaled down: 40 people with 50 photos each, 1,225 pairs each. The API is served by a process of
its own with one compute thread over mutual TLS, as csmall serves it; the photos are enrolled, and the pairs asked about
by handle. The bare work is the embedding of the same photos in this process, on one thread. The two take turns, round
by round, and `ratio_to_embedding` is the median over rounds of API over bare: the bound to keep is 3.

The ratio falls as the extractor grows: what the pairs cost does not depend on it.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from benchmarks.side_by_side.party import served
from leakdrill.archs import build, cut
from leakdrill.archs.resnet_cifar import ResNet8
from leakdrill.data.forms import ImageForm
from leakdrill.models.embedding import embed
from leakdrill.network.identity import Credentials
from leakdrill.oracles.remote_pairs import RemotePairs
from leakdrill.parties.inference import PublicModel
from leakdrill.parties.publish_verification import Verifier, publish_verification

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
    with served("csmall", published) as (port, credentials):
        print(json.dumps(compare(photos, f"127.0.0.1:{port}", credentials, arguments.rounds)))


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


def published() -> dict[str, PublicModel]:
    verifier = Verifier(extractor(), FORM, "euclidean", threshold=1.0, secret=1)
    return publish_verification(verifier, ["distance", "same"])


if __name__ == "__main__":
    main()
