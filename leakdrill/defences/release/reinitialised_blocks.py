"""Re-initialised blocks: the last blocks of g_s are forgotten before it leaves."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from pydantic import Field

from leakdrill.archs import build
from leakdrill.defences.release.base import ReleaseDefence, Releaser, weighted_blocks
from leakdrill.errors import ScenarioError
from leakdrill.models.artefact import Artefact


class ReinitialisedBlocks(ReleaseDefence):
    """Fresh random weights for the last blocks, the ones most specific to the training data (Yosinski et al. 2014).

    csmall trains them itself: `csmall.target_model.transfer: fine_tune`. They are not those that f_s started from.
    Blocks without weights, such as a pooling, are not counted.
    """

    kind: Literal["reinitialised_blocks"] = "reinitialised_blocks"
    blocks: int = Field(1, ge=0, description="how many, from the end; 0 is no defence")

    def obfuscated(self, artefact: Artefact, releaser: Releaser) -> Artefact:
        blocks = weighted_blocks(artefact)
        self.check(blocks)
        forgotten = set(blocks[len(blocks) - self.blocks :])
        if not forgotten:
            return artefact
        fresh = build(artefact.description.arch, artefact.description.num_classes or 2, releaser.seed).state_dict()
        kept = {name: tensor for name, tensor in artefact.weights.items() if _block(name) not in forgotten}
        drawn = {name: tensor.contiguous() for name, tensor in fresh.items() if _block(name) in forgotten}
        return replace(artefact, weights=kept | drawn)

    def check(self, blocks: Sequence[str]) -> None:
        if self.blocks > len(blocks):
            raise ScenarioError(
                f"cbig.release_defences has reinitialised_blocks of {self.blocks} blocks, but what is released has "
                f"{len(blocks)} with weights: {', '.join(blocks)}"
            )


def _block(name: str) -> str:
    return name.partition(".")[0]
