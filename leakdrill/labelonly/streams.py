"""Randomness of each example's own, so that what an attack finds out about one does not depend on its company."""

import hashlib

import torch

from leakdrill.data.examples import Examples
from leakdrill.seeds import torch_generator


def generators_of(examples: Examples, seed: int) -> list[torch.Generator]:
    """One per example, seeded by its content and its label."""
    return [
        torch_generator(seed, hashlib.sha256(image.tobytes()).hexdigest(), str(label))
        for image, label in zip(examples.inputs, examples.labels, strict=True)
    ]
