"""Face photographs rendered per second, as 64x64 PNG files, by two worker processes and by one.

The two take turns, round by round, and the figures are medians over rounds. The clock starts at the first files, since
processes start once for a whole data set: `start_seconds` is what that takes. `images_per_cpu_second` is by the time
that the two processes computed, and holds on a machine whose cores are busy with something else, too.
"""

import argparse
import json
import resource
import statistics
import time
from typing import NamedTuple

from leakdrill.faces.workers import encode_in_parallel


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=3000, help="per measurement (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="default: %(default)s")
    parser.add_argument("--size", type=int, default=64, help="pixels (default: %(default)s)")
    asked = parser.parse_args()
    runs: dict[int, list[Run]] = {1: [], 2: []}
    for round_number in range(asked.rounds):
        for num_processes, measured in runs.items():
            measured.append(render(asked.images, asked.size, num_processes, seed=round_number))
            print(f"{num_processes} process{'es' * (num_processes > 1)}: {measured[-1].images_per_second:.0f} images/s")
    one, two = (statistics.median(run.images_per_second for run in measured) for measured in runs.values())
    figures = {
        "images_per_second": round(two, 1),
        "images_per_second_one_process": round(one, 1),
        "scaling": round(two / one, 3),
        "images_per_cpu_second": round(statistics.median(run.images_per_cpu_second for run in runs[2]), 1),
        "start_seconds": round(statistics.median(run.start_seconds for run in runs[2]), 3),
    }
    print(json.dumps(figures))


class Run(NamedTuple):
    images_per_second: float
    images_per_cpu_second: float
    start_seconds: float


def render(num_images: int, size: int, num_processes: int, seed: int) -> Run:
    photos = [divmod(index, 50) for index in range(num_images)]
    start, cpu_start = time.perf_counter(), _cpu_seconds_of_children()
    chunks = encode_in_parallel(seed, photos, size, num_processes)
    first = len(next(chunks))
    started = time.perf_counter()
    rest = sum(len(chunk) for chunk in chunks)
    seconds, cpu_seconds = time.perf_counter() - started, _cpu_seconds_of_children() - cpu_start
    return Run(rest / seconds, (first + rest) / cpu_seconds, started - start)


def _cpu_seconds_of_children() -> float:
    """Of those that have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    main()
