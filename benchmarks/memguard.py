"""MemGuard's search for noise, thousands of rows at once against a plain port of its authors' code, row by row.

`speedup` is rows per second of ours over rows per second of the port (tests/defences/memguard_reference.py: float64,
one row at a time, gradients by automatic differentiation as in the original), the smaller of two: 10 classes and 60;
`max_difference` is between the two, over all rows that the port did, of a noisy score or a mixing probability.

Both run in this process on one thread, in turns; time is processor time. 20 and 1e-6 are wanted.
"""

import argparse
import json
import time

import numpy as np
import torch
from threadpoolctl import threadpool_limits

from leakdrill.defences import MemGuard
from leakdrill.defences.membership import MembershipNetwork, fit_membership
from leakdrill.defences.memguard import mixing
from leakdrill.defences.noise_search import least_noise, softmax
from tests.defences.answers import members, non_members
from tests.defences.memguard_reference import as_torch, phase_one, phase_two

EPSILON = 0.5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=4000, help="for ours (default: %(default)s)")
    parser.add_argument("--port-rows", type=int, default=64, help="for the port (default: %(default)s)")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    with threadpool_limits(1):
        measured = [measure(num_classes, arguments.rows, arguments.port_rows) for num_classes in (10, 60)]
    speedups, differences = zip(*measured, strict=True)
    print(json.dumps({"speedup": round(min(speedups), 1), "max_difference": max(differences)}))


def measure(num_classes: int, num_rows: int, num_port_rows: int) -> tuple[float, float]:
    """How many times as fast, and the largest difference."""
    known = (members(1000, num_classes), non_members(1000, num_classes))
    network = MembershipNetwork.of(fit_membership(*known, MemGuard().fit, seed=0))
    asked = np.concatenate([members(num_rows // 2, num_classes, 1), non_members(num_rows // 2, num_classes, 1)])
    logits = np.log(np.sort(np.random.default_rng(0).permutation(asked), axis=1))
    few, port = logits[:num_port_rows], as_torch(network)

    start = time.process_time()
    noisy = least_noise(network, logits)
    ours = num_rows / (time.process_time() - start)
    start = time.process_time()
    expected = phase_one(port, few)
    theirs = num_port_rows / (time.process_time() - start)
    print(f"{num_classes} classes, rows per second: {ours:.0f} ours, {theirs:.1f} the port")

    found = noisy[:num_port_rows]
    mixed = mixing(network, softmax(few), found, EPSILON) - phase_two(port, softmax(few), expected, EPSILON)
    return ours / theirs, float(max(np.abs(found - expected).max(), np.abs(mixed).max()))


if __name__ == "__main__":
    main()
