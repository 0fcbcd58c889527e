"""What a defence at release time is: a frozen spec whose fields are its YAML, and one method, `obfuscated`.

It stands between f_s, as cbig trained it, and the artefact that the contract hands to csmall, in cbig's own process:
what csmall has, and may leak, is the obfuscated one. TransMIA (section 5.5) leaves such defences as future work.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import torch

from leakdrill.data.examples import Inputs
from leakdrill.models.artefact import Artefact
from leakdrill.models.cache import ModelCache
from leakdrill.models.training import Progress
from leakdrill.plugins import code_of
from leakdrill.seeds import derive
from leakdrill.spec import Spec


@dataclass(frozen=True)
class Releaser:
    """cbig: what it can fit a defence on, and where it keeps what it fitted."""

    public: Callable[[], Inputs]  # photos that anybody may have, no member among them
    made_of: Mapping[str, Any]  # JSON-able: all that made the released model, and what is public
    seed: int  # of cbig's secret, not of the scenario's seed: whoever knew it could subtract the noise
    cache: ModelCache
    progress: Progress


class ReleaseDefence(Spec):
    """The base of every defence at release time. The subclass's docstring starts with one line and cites its source.

    The obfuscated artefact has the description of the one it was made from: csmall can build on it as on any.
    """

    kind: str
    needs_public: ClassVar[bool] = False  # data.splits.source_public

    def obfuscated(self, artefact: Artefact, releaser: Releaser) -> Artefact:
        """The artefact as it leaves; a setting that is off gives back the very same. Raises what `check` raises."""
        raise NotImplementedError

    def check(self, blocks: Sequence[str]) -> None:
        """Raises ScenarioError for an artefact with these blocks, those without weights left out."""


def obfuscate(defences: Sequence[ReleaseDefence], artefact: Artefact, releaser: Releaser) -> Artefact:
    """All of them, one after another, each with a seed of its own."""
    before: list[Any] = []
    for defence in defences:
        made_of = {**releaser.made_of, "obfuscated_by": list(before)}
        own = replace(releaser, seed=derive(releaser.seed, defence.kind, str(len(before))), made_of=made_of)
        artefact = defence.obfuscated(artefact, own)
        before.append(defence.model_dump(mode="json") | code_of(defence))
    return artefact


def weighted_blocks(artefact: Artefact) -> list[str]:
    """The blocks that have weights, in order."""
    owners = {name.partition(".")[0] for name in artefact.weights}
    return [block for block in artefact.description.blocks if block in owners]


def is_kernel(tensor: torch.Tensor) -> bool:
    """Whether it is a convolution's or a linear layer's weights, where nearly all of a model's numbers are.

    Batch norm's are left alone: they are four for each channel, and a wrong variance ruins all that comes after.
    """
    return tensor.is_floating_point() and tensor.ndim >= 2


def with_kernels(artefact: Artefact, change: Callable[[str, torch.Tensor], torch.Tensor]) -> Artefact:
    """The artefact with each of its kernels changed, by name."""
    weights = {name: change(name, tensor) if is_kernel(tensor) else tensor for name, tensor in artefact.weights.items()}
    return replace(artefact, weights=weights)
