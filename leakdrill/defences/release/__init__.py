"""Defences at release time: one module each. A new one is a new file here and its name in `_ReleaseDefence`; or
anywhere (leakdrill.plugins).

An extractor trained with differential privacy is no obfuscation of what was trained, but a defence at training time:
`cbig.source_model.defences`.
"""

from typing import Annotated, get_args

from pydantic import Field

from leakdrill.defences.release.base import ReleaseDefence, Releaser, obfuscate
from leakdrill.defences.release.distillation import Distillation
from leakdrill.defences.release.pruning import Pruning
from leakdrill.defences.release.quantisation import Quantisation
from leakdrill.defences.release.reinitialised_blocks import ReinitialisedBlocks
from leakdrill.defences.release.weight_noise import WeightNoise
from leakdrill.plugins import Kinds

__all__ = ["RELEASE_DEFENCES", "RELEASE_DEFENCE_KINDS", "ReleaseDefence", "ReleaseDefenceSpec", "Releaser", "obfuscate"]

_ReleaseDefence = WeightNoise | Pruning | Quantisation | ReinitialisedBlocks | Distillation
RELEASE_DEFENCES: dict[str, type[_ReleaseDefence]] = {
    each.model_fields["kind"].default: each for each in get_args(_ReleaseDefence)
}
RELEASE_DEFENCE_KINDS = Kinds("release defence", "leakdrill.release_defences", ReleaseDefence, {**RELEASE_DEFENCES})
ReleaseDefenceSpec = Annotated[_ReleaseDefence, Field(discriminator="kind"), RELEASE_DEFENCE_KINDS]
