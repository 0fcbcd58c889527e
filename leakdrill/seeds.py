"""Seeds derived by name from one root, with a keyed hash.

A party is sent only the seeds made for it. A keyed hash does not lead back to a root that cannot be guessed (children
of NumPy's SeedSequence do; a small number can be tried out, which is why membership hangs on the split key instead),
and adding a consumer shifts nobody else's draw.
"""

import hashlib

import numpy as np
import torch


def derive(root: int | str, *names: str) -> int:
    """A 63-bit seed for the consumer called `names` under `root`."""
    key = hashlib.blake2b(str(root).encode(), digest_size=32).digest()
    digest = hashlib.blake2b("\x1f".join(names).encode(), key=key, digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


def numpy_generator(root: int | str, *names: str) -> np.random.Generator:
    return np.random.default_rng(derive(root, *names))


def torch_generator(root: int | str, *names: str, device: torch.device | str = "cpu") -> torch.Generator:
    return torch.Generator(device).manual_seed(derive(root, *names))
