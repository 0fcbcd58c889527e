"""Images that any network learns to tell apart."""

import numpy as np

from leakdrill.data.examples import Examples


def two_colours(num: int, seed: int = 0, size: int = 16) -> Examples:
    """Reddish images are of class 0, bluish ones of class 1."""
    generator = np.random.default_rng(seed)
    labels = np.arange(num, dtype=np.int64) % 2
    inputs = generator.integers(0, 120, (num, size, size, 3), dtype=np.uint8)
    inputs[np.arange(num), :, :, 2 * labels] += 100
    return Examples(inputs, labels)
