"""How one shadow network is made from its own training set: small, picklable descriptions for worker processes."""

from dataclasses import dataclass
from typing import Literal, Protocol

from torch import nn

from leakdrill.archs import ArchSpec, build, cut
from leakdrill.artefact import Artefact
from leakdrill.errors import ScenarioError
from leakdrill.examples import Examples
from leakdrill.fit import Fit
from leakdrill.seeds import derive
from leakdrill.training import fit_model
from leakdrill.transfer import adapt

Method = Literal["freeze", "fine_tune"]


class Recipe(Protocol):
    """Makes a shadow model. Instances are pickled to worker processes, so they hold no tensors."""

    def make(self, train: Examples, seed: int) -> nn.Module:
        """A model fitted on `train`, the same for the same seed in whatever process."""
        ...


@dataclass(frozen=True)
class FromScratch:
    """The baseline (Shokri et al. 2017; BaseMIA in TransMIA, section 5.2): nothing is known of f_s's weights."""

    arch: ArchSpec
    num_classes: int
    fit: Fit

    def make(self, train: Examples, seed: int) -> nn.Sequential:
        model = build(self.arch, self.num_classes, seed=derive(seed, "initial weights"))
        fit_model(model, train, self.fit, derive(seed, "fit"))
        return model


@dataclass(frozen=True)
class Transferred:
    """Transfer shadow training (TransMIA, section 4.2): shallow layers start as the leaked ones, frozen or fine-tuned.

    The layers that did not leak are those of `arch` after the leaked blocks, with fresh weights.
    """

    leaked: tuple[str | bytes, ...]  # an artefact's parts
    arch: ArchSpec
    num_classes: int
    fit: Fit
    method: Method

    @classmethod
    def of(cls, leaked: Artefact, arch: ArchSpec, num_classes: int, fit: Fit, method: Method) -> "Transferred":
        """Raises ScenarioError when the leaked blocks are not the first blocks of `arch`."""
        remaining_blocks(leaked, arch)
        return cls(tuple(leaked.to_parts()), arch, num_classes, fit, method)

    def make(self, train: Examples, seed: int) -> nn.Sequential:
        leaked = Artefact.from_parts(self.leaked)
        fresh = build(self.arch, self.num_classes, seed=derive(seed, "initial weights"))
        _, head = cut(fresh, leaked.description.blocks[-1])
        return adapt(leaked.module(), head, train, self.fit, self.method, derive(seed, "fit"))


@dataclass(frozen=True)
class ThroughTarget:
    """A shadow of csmall's model: TL1, a shadow source model from scratch; TL2, transferred to csmall's own task."""

    source: FromScratch
    target_train: Examples
    num_target_classes: int
    fit: Fit
    method: Method

    def make(self, train: Examples, seed: int) -> nn.Sequential:
        feature_extractor, _ = cut(self.source.make(train, derive(seed, "source")))
        fresh = build(self.source.arch, self.num_target_classes, seed=derive(seed, "initial weights"))
        _, head = cut(fresh)
        return adapt(feature_extractor, head, self.target_train, self.fit, self.method, derive(seed, "fit"))


def remaining_blocks(leaked: Artefact, arch: ArchSpec) -> list[str]:
    """Names of the blocks of `arch` after the leaked ones; raises ScenarioError when those are not its first."""
    names = [name for name, _ in build(arch, num_classes=2).named_children()]
    blocks = leaked.description.blocks
    if names[: len(blocks)] != blocks or len(names) == len(blocks):
        raise ScenarioError(f"the leaked blocks {blocks} are not the first blocks of {arch.kind}: {names}")
    return names[len(blocks) :]
