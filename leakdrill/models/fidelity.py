"""How good a copy leaks: a whole artefact degraded to what the breach's fidelity grants."""

from collections.abc import Mapping

import torch

from leakdrill.errors import ScenarioError
from leakdrill.models.artefact import Artefact
from leakdrill.scenario.schema import Fidelity
from leakdrill.seeds import torch_generator


def degrade(artefact: Artefact, fidelity: Fidelity, seed: int) -> Artefact:
    """The artefact as it leaks. Full fidelity returns it unchanged, bit for bit.

    Raises ScenarioError when more blocks are asked for than there are.
    """
    blocks = _leading_blocks(artefact.description.blocks, fidelity.blocks)
    weights = {
        name: _coarser(_noisier(tensor, fidelity.noise, seed, name), fidelity.bits)
        for name, tensor in _of_blocks(artefact.weights, blocks).items()
    }
    return Artefact(artefact.description.model_copy(update={"blocks": blocks}), weights)


def _leading_blocks(blocks: list[str], wanted: int | None) -> list[str]:
    if wanted is not None and wanted > len(blocks):
        raise ScenarioError(
            f"breach.fidelity.blocks is {wanted}, but the artefact has {len(blocks)}: {', '.join(blocks)}"
        )
    return blocks[:wanted]


def _of_blocks(weights: Mapping[str, torch.Tensor], blocks: list[str]) -> dict[str, torch.Tensor]:
    return {name: tensor for name, tensor in weights.items() if name.split(".", 1)[0] in blocks}


def _noisier(tensor: torch.Tensor, noise: float, seed: int, name: str) -> torch.Tensor:
    """Gaussian noise of `noise` standard deviations of the tensor; counters and single numbers stay as they are."""
    if noise == 0 or not tensor.is_floating_point() or tensor.numel() < 2:
        return tensor
    draw = torch.randn(tensor.shape, generator=torch_generator(seed, "noise", name))
    noisy = tensor + noise * tensor.std() * draw
    # a running variance below zero would make batch norm's square root NaN
    return noisy.clamp_min(0) if name.endswith("running_var") else noisy


def _coarser(tensor: torch.Tensor, bits: int) -> torch.Tensor:
    """Rounded to float16, or to 8-bit integers with one scale per tensor (carried as the floats they stand for)."""
    if bits == 32 or not tensor.is_floating_point():
        return tensor
    if bits == 16:
        return tensor.half()
    scale = tensor.abs().max().clamp_min(torch.finfo(tensor.dtype).tiny) / 127
    return torch.round(tensor / scale) * scale
