"""Pruning: the smallest weights of g_s set to zero."""

from typing import Literal

import torch
from pydantic import Field, field_validator

from leakdrill.defences.release.base import ReleaseDefence, Releaser, is_kernel, with_kernels
from leakdrill.errors import ScenarioError
from leakdrill.models.artefact import Artefact


class Pruning(ReleaseDefence):
    """The smallest weights by magnitude set to zero, without training on afterwards (Han et al. 2015, section 3)."""

    kind: Literal["pruning"] = "pruning"
    fraction: float = Field(0.5, ge=0, le=1, description="of the weights that go; 0 is no defence")
    scope: Literal["tensor", "global"] = Field(
        "tensor", description="whether the fraction is of each kernel, or of all of them together"
    )

    @field_validator("fraction")
    @classmethod
    def _something_stays(cls, fraction: float) -> float:
        if fraction == 1:
            raise ValueError("a pruning of 1 leaves no weight to release: lower it")
        return fraction

    def obfuscated(self, artefact: Artefact, releaser: Releaser) -> Artefact:
        """Raises ScenarioError where nothing is left of a kernel."""
        if self.fraction == 0:
            return artefact
        if self.scope == "tensor":
            return with_kernels(artefact, lambda name, tensor: _without_smallest(tensor, self.fraction))
        kernels = {name: tensor for name, tensor in artefact.weights.items() if is_kernel(tensor)}
        together = _without_smallest(torch.cat([tensor.flatten() for tensor in kernels.values()]), self.fraction)
        pieces = torch.split(together, [tensor.numel() for tensor in kernels.values()])
        kept = {name: piece.reshape(kernels[name].shape) for name, piece in zip(kernels, pieces, strict=True)}
        if empty := [name for name, tensor in kept.items() if not tensor.any()]:
            raise ScenarioError(
                f"a global pruning of {self.fraction:g} leaves nothing of {empty[0]}: lower it, or set scope: tensor"
            )
        return with_kernels(artefact, lambda name, tensor: kept[name])


def _without_smallest(tensor: torch.Tensor, fraction: float) -> torch.Tensor:
    """A copy with that share of its elements, rounded down, set to zero; of equals, the first go."""
    order = tensor.flatten().abs().argsort(stable=True)
    pruned = tensor.flatten().clone()
    pruned[order[: int(fraction * tensor.numel())]] = 0
    return pruned.reshape(tensor.shape)
