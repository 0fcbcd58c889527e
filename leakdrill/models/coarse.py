"""Weights made noisy or coarse, tensor by tensor: of a copy that leaks, or of what a company hands out."""

import torch

from leakdrill.seeds import torch_generator


def noisier(tensor: torch.Tensor, deviations: float, seed: int, name: str) -> torch.Tensor:
    """Gaussian noise of so many standard deviations of the tensor; counters and single numbers stay as they are.

    The draw hangs on the seed and the tensor's name.
    """
    if deviations == 0 or not tensor.is_floating_point() or tensor.numel() < 2:
        return tensor
    draw = torch.randn(tensor.shape, generator=torch_generator(seed, "noise", name))
    noisy = tensor + deviations * tensor.std() * draw
    # a running variance below zero would make batch norm's square root NaN
    return noisy.clamp_min(0) if name.endswith("running_var") else noisy


def to_integers(tensor: torch.Tensor, bits: int) -> torch.Tensor:
    """Rounded to signed integers of so many bits, at least 2, with one scale for the tensor.

    They are carried as the floats they stand for. Symmetric: 8 bits are -127 to 127, 2 bits are -1, 0 and 1.
    """
    if not tensor.is_floating_point():
        return tensor
    largest = 2 ** (bits - 1) - 1
    scale = tensor.abs().max().clamp_min(torch.finfo(tensor.dtype).tiny) / largest
    rounded: torch.Tensor = torch.round(tensor / scale) * scale
    return rounded
