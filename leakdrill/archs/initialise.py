"""First weights from a generator of the caller's, leaving the global one alone."""

import torch
from torch import nn

from leakdrill.archs.standardise import Standardise


def initialise(model: nn.Module, generator: torch.Generator) -> None:
    """Draw every weight of `model` in place: He et al. (2015) for convolutions, PyTorch's default for linear layers.

    Raises TypeError for a layer it has no rule for, rather than leave it with whatever was in memory.
    """
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu", generator=generator)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.Linear):
            bound = module.in_features**-0.5
            nn.init.uniform_(module.weight, -bound, bound, generator=generator)
            if module.bias is not None:
                nn.init.uniform_(module.bias, -bound, bound, generator=generator)
        elif isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d | nn.GroupNorm | Standardise):
            module.reset_parameters()
        elif [*module.parameters(recurse=False), *module.buffers(recurse=False)]:
            raise TypeError(f"no rule to initialise a {type(module).__name__}: add one")
