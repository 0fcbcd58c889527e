"""How good a copy leaks: a whole artefact degraded to what the breach's fidelity grants."""

from collections.abc import Mapping

import torch

from leakdrill.errors import ScenarioError
from leakdrill.models.artefact import Artefact
from leakdrill.models.coarse import noisier, to_integers
from leakdrill.scenario.steps import Fidelity


def degrade(artefact: Artefact, fidelity: Fidelity, seed: int) -> Artefact:
    """The artefact as it leaks. Full fidelity returns it unchanged, bit for bit.

    Raises ScenarioError when more blocks are asked for than there are.
    """
    blocks = _leading_blocks(artefact.description.blocks, fidelity.blocks)
    weights = {
        name: _coarser(noisier(tensor, fidelity.noise, seed, name), fidelity.bits)
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


def _coarser(tensor: torch.Tensor, bits: int) -> torch.Tensor:
    """Rounded to float16, or to 8-bit integers with one scale per tensor."""
    if bits == 32 or not tensor.is_floating_point():
        return tensor
    return tensor.half() if bits == 16 else to_integers(tensor, bits)
