"""A model that was fitted or loaded, with the account of its making."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from safetensors.torch import save
from torch import nn

from leakdrill.models.training import Evaluation


@dataclass(frozen=True)
class Trained:
    """A model and the account of its making. `seconds` is what the making took, also when it came from the cache."""

    model: nn.Sequential
    evaluations: dict[str, Evaluation]  # by split
    best_epoch: int
    seconds: float
    from_cache: bool
    weights_sha256: str
    notes: Mapping[str, Any] = field(default_factory=dict)  # JSON-able: what training defences say of themselves


def digest(weights: dict[str, torch.Tensor]) -> str:
    """SHA-256 of the weights as safetensors."""
    return hashlib.sha256(save({name: tensor.contiguous() for name, tensor in weights.items()})).hexdigest()
