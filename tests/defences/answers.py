"""A model's answers, made up: sure of its members, less sure of others; and a company that defends it."""

from pathlib import Path

import numpy as np

from leakdrill.defences.base import Owner, Scores
from leakdrill.defences.keyed import Keys
from leakdrill.defences.noise_search import softmax
from leakdrill.models.cache import ModelCache


def answers(num_rows: int, num_classes: int, sureness: float, seed: int) -> Scores:
    """(N, C): one logit of noise, the top class above it by about four times `sureness`."""
    generator = np.random.default_rng(seed)
    logits = generator.normal(size=(num_rows, num_classes))
    tops = generator.integers(0, num_classes, num_rows)
    logits[np.arange(num_rows), tops] += generator.gamma(4, sureness, num_rows)
    return softmax(logits)


def members(num_rows: int, num_classes: int, seed: int = 0) -> Scores:
    return answers(num_rows, num_classes, 2.0, 2 * seed)


def non_members(num_rows: int, num_classes: int, seed: int = 0) -> Scores:
    return answers(num_rows, num_classes, 1.0, 2 * seed + 1)


def keys(num_rows: int, seed: int = 0) -> Keys:
    return np.random.default_rng(seed).integers(0, 2**64, num_rows, dtype=np.uint64)


def owner(folder: Path, num_classes: int) -> Owner:
    return Owner(
        lambda: (members(400, num_classes), non_members(400, num_classes)),
        {"num_classes": num_classes},
        seed=5,
        cache=ModelCache(folder),
    )
