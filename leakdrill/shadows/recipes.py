"""How one shadow network is made from its own training set: small, picklable descriptions for worker processes."""

import hashlib
from collections import OrderedDict
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, Protocol, Self, runtime_checkable

import numpy as np
import torch
from torch import nn

from leakdrill.archs import ArchSpec, build, cut
from leakdrill.archs.head import Head
from leakdrill.archs.initialise import initialise
from leakdrill.data.examples import Examples
from leakdrill.defences.training import fit_defended
from leakdrill.defences.training.base import TrainingDefence
from leakdrill.errors import ScenarioError
from leakdrill.models.artefact import Artefact
from leakdrill.models.fit import Fit
from leakdrill.models.training import predict
from leakdrill.models.transfer import adapt
from leakdrill.plugins import code_of
from leakdrill.seeds import derive
from leakdrill.shadows.beside import Beside

Method = Literal["freeze", "fine_tune"]


class Recipe(Protocol):
    """Makes a shadow model. Instances are pickled to worker processes, with each part of the work: see `portable`."""

    def make(self, train: Examples, seed: int) -> nn.Module:
        """A model fitted on `train`, the same for the same seed in whatever process."""
        ...

    def portable(self, directory: Path) -> Self:
        """The same recipe with all its examples in files in that directory, and none in memory."""
        ...


@runtime_checkable
class KeepableRecipe(Protocol):
    """One whose models can be kept on disk, and shared."""

    def make(self, train: Examples, seed: int) -> nn.Sequential: ...

    def portable(self, directory: Path) -> Self: ...

    def blank(self) -> nn.Sequential:
        """A model into which the weights of any other that this recipe made can be loaded."""
        ...

    def made_of(self) -> dict[str, Any]:
        """All, in JSON, that makes the model but its examples and its seed."""
        ...


@dataclass(frozen=True)
class TrainedWith:
    """Defences at training time, and the data that some take beside the training set."""

    defences: tuple[TrainingDefence, ...] = ()
    held_out: Beside | None = None
    public: Beside | None = None

    def portable(self, directory: Path) -> "TrainedWith":
        held_out = self.held_out and self.held_out.saved(directory / "held_out")
        return replace(self, held_out=held_out, public=self.public and self.public.saved(directory / "public"))

    def made_of(self) -> dict[str, Any]:
        if not self.defences:
            return {}
        data = [part and part.digest for part in (self.held_out, self.public)]
        defences = [defence.model_dump(mode="json") for defence in self.defences]
        code = {"plugins": code} if (code := code_of(*self.defences)) else {}
        return {"defences": defences, "beside": data, **code}


@dataclass(frozen=True)
class FromScratch:
    """The baseline (Shokri et al. 2017; BaseMIA in TransMIA, section 5.2): nothing is known of f_s's weights."""

    arch: ArchSpec
    num_classes: int
    fit: Fit
    trained_with: TrainedWith = TrainedWith()

    def make(self, train: Examples, seed: int) -> nn.Sequential:
        model, beside = build(self.arch, self.num_classes, seed=derive(seed, "initial weights")), self.trained_with
        fit_defended(
            model,
            train,
            self.fit,
            beside.defences,
            derive(seed, "fit"),
            beside.held_out.examples if beside.held_out else None,
            keep="last",
            public=beside.public.examples if beside.public else None,
        )
        return model

    def portable(self, directory: Path) -> "FromScratch":
        return replace(self, trained_with=self.trained_with.portable(directory))

    def blank(self) -> nn.Sequential:
        return build(self.arch, self.num_classes, seed=0)

    def made_of(self) -> dict[str, Any]:
        return {
            "arch": self.arch.model_dump(mode="json"),
            "num_classes": self.num_classes,
            "fit": self.fit.model_dump(mode="json"),
            **self.trained_with.made_of(),
        }


@dataclass(frozen=True)
class Transferred:
    """Transfer shadow training (TransMIA, section 4.2): shallow layers start as the leaked ones, frozen or fine-tuned.

    The layers that did not leak are those of `arch` after the leaked blocks, with fresh weights; without an `arch`, a
    linear head.
    """

    leaked: tuple[str | bytes, ...]  # an artefact's parts
    arch: ArchSpec | None
    num_classes: int
    fit: Fit
    method: Method

    @classmethod
    def of(cls, leaked: Artefact, arch: ArchSpec | None, num_classes: int, fit: Fit, method: Method) -> "Transferred":
        """Raises what `num_fresh_blocks` raises."""
        num_fresh_blocks(leaked, arch)
        return cls(tuple(leaked.to_parts()), arch, num_classes, fit, method)

    def make(self, train: Examples, seed: int) -> nn.Sequential:
        leaked = Artefact.from_parts(self.leaked)
        head = self._fresh_head(leaked, derive(seed, "initial weights"))
        return adapt(leaked.module(), head, train, self.fit, self.method, derive(seed, "fit"))

    def portable(self, directory: Path) -> "Transferred":
        return self

    def blank(self) -> nn.Sequential:
        leaked = Artefact.from_parts(self.leaked)
        blocks = [*leaked.module().named_children(), *self._fresh_head(leaked, seed=0).named_children()]
        return nn.Sequential(OrderedDict(blocks))

    def made_of(self) -> dict[str, Any]:
        leaked = hashlib.sha256()
        for part in self.leaked:
            as_bytes = part.encode() if isinstance(part, str) else part
            leaked.update(b"%d " % len(as_bytes) + as_bytes)
        return {
            "leaked": leaked.hexdigest(),
            "method": self.method,
            "arch": self.arch and self.arch.model_dump(mode="json"),
            "num_classes": self.num_classes,
            "fit": self.fit.model_dump(mode="json"),
        }

    def _fresh_head(self, leaked: Artefact, seed: int) -> nn.Sequential:
        if self.arch is not None:
            return cut(build(self.arch, self.num_classes, seed), leaked.description.blocks[-1])[1]
        width = feature_width(leaked)
        # without memory first, because a layer draws its first weights from the global generator
        with torch.device("meta"):
            linear = Head(width, self.num_classes)
        head = nn.Sequential(OrderedDict(head=linear)).to_empty(device="cpu")
        initialise(head, torch.Generator().manual_seed(seed))
        return head


@dataclass(frozen=True)
class ThroughTarget:
    """A shadow of csmall's model: TL1, a shadow source model from scratch; TL2, transferred to csmall's own task."""

    source: FromScratch
    target_train: Beside
    num_target_classes: int
    fit: Fit
    method: Method

    def make(self, train: Examples, seed: int) -> nn.Sequential:
        feature_extractor, _ = cut(self.source.make(train, derive(seed, "source")))
        fresh = build(self.source.arch, self.num_target_classes, seed=derive(seed, "initial weights"))
        _, head = cut(fresh)
        own = self.target_train.examples
        return adapt(feature_extractor, head, own, self.fit, self.method, derive(seed, "fit"))

    def blank(self) -> nn.Sequential:
        feature_extractor, _ = cut(self.source.blank())
        _, head = cut(build(self.source.arch, self.num_target_classes, seed=0))
        return nn.Sequential(OrderedDict([*feature_extractor.named_children(), *head.named_children()]))

    def made_of(self) -> dict[str, Any]:
        return {
            "source": self.source.made_of(),
            "target_train": self.target_train.digest,
            "num_target_classes": self.num_target_classes,
            "fit": self.fit.model_dump(mode="json"),
            "method": self.method,
        }

    def portable(self, directory: Path) -> "ThroughTarget":
        target_train = self.target_train.saved(directory / "target_train")
        return replace(self, source=self.source.portable(directory), target_train=target_train)


def feature_width(leaked: Artefact) -> int:
    """D of the leaked layers' features (N, D); raises ScenarioError when they are maps, which no linear head takes."""
    form = leaked.description.form
    shape = predict(leaked.module(), np.zeros((1, *form.shape), form.dtype), tile=1).shape[1:]
    if len(shape) != 1:
        raise ScenarioError(
            f"the leaked layers end in feature maps {shape}, so more than the last layer is missing: "
            "grant adversary.knows.architecture, or set the attack's arch"
        )
    return int(shape[0])


def num_fresh_blocks(leaked: Artefact, arch: ArchSpec | None) -> int:
    """How many blocks of `arch` did not leak; without an architecture, 1: the adversary takes the leak for all of g_s.

    Raises ScenarioError when the leaked blocks are not the first of `arch`, or without one end in feature maps.
    """
    if arch is None:
        feature_width(leaked)
        return 1
    names = [name for name, _ in build(arch, num_classes=2).named_children()]
    blocks = leaked.description.blocks
    if names[: len(blocks)] != blocks or len(names) == len(blocks):
        raise ScenarioError(f"the leaked blocks {blocks} are not the first blocks of {arch.kind}: {names}")
    return len(names) - len(blocks)
