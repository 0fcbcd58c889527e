"""How many cores of this machine are ours: all of them, or a share where several cells of a grid are played at once."""

import os

#: In the environment of a process that has a share.
CORES = "LEAKDRILL_CORES"
MAX_WORKERS = 8  # each holds 400 MB, and a container has 6 GB, unless a scenario asks for more


def num_cores() -> int:
    return int(os.environ.get(CORES) or os.cpu_count() or 1)


def default_workers(cores: int) -> int:
    """How many processes the adversary trains shadow networks in, where the scenario does not say."""
    return min(cores, MAX_WORKERS)
