"""Quantisation: fewer bits for each weight of g_s."""

from typing import Literal

from pydantic import Field

from leakdrill.defences.release.base import ReleaseDefence, Releaser, with_kernels
from leakdrill.models.artefact import Artefact
from leakdrill.models.coarse import to_integers


class Quantisation(ReleaseDefence):
    """Kernels rounded to integers of a few bits, one scale for each (Jacob et al. 2018, symmetric, after training)."""

    kind: Literal["quantisation"] = "quantisation"
    bits: int = Field(8, ge=2, le=32, description="2 leave -1, 0 and 1 times a scale; 32 is no defence")

    def obfuscated(self, artefact: Artefact, releaser: Releaser) -> Artefact:
        if self.bits == 32:
            return artefact
        return with_kernels(artefact, lambda name, tensor: to_integers(tensor, self.bits))
