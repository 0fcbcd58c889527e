"""A model, or its shallow part, as it travels and rests: a description and safetensors. Never a pickle."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import torch
from pydantic import Field
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import nn

from leakdrill.archs import ArchSpec, build
from leakdrill.errors import InvalidInput
from leakdrill.spec import Spec

CHUNK_BYTES = 1 << 20


class Description(Spec):
    """What one needs to rebuild the blocks: the architecture they come from and which of its blocks they are."""

    name: str  # "feature_extractor"
    arch: ArchSpec
    blocks: list[str] = Field(min_length=1)  # names of the leading blocks of the architecture, in order
    input_size: int = Field(ge=8, le=1024)  # pixels


@dataclass(frozen=True)
class Artefact:
    description: Description
    weights: dict[str, torch.Tensor]

    def module(self) -> nn.Sequential:
        """The described blocks with these weights, in evaluation mode. Raises InvalidInput when they do not fit."""
        full = build(self.description.arch, num_classes=2)
        names = [name for name, _ in full.named_children()]
        blocks = self.description.blocks
        if names[: len(blocks)] != blocks:
            raise InvalidInput(f"blocks {blocks} are not the first blocks of {self.description.arch.kind}: {names}")
        module = full[: len(blocks)]
        try:
            module.load_state_dict(self.weights)
        except RuntimeError as error:
            raise InvalidInput(f"the weights do not fit the described blocks: {error}") from error
        return module.eval()

    def to_parts(self) -> Iterator[str | bytes]:
        """The description as JSON, then the safetensors file in chunks of at most CHUNK_BYTES."""
        yield self.description.model_dump_json()
        blob = save(self.weights)
        for start in range(0, len(blob), CHUNK_BYTES):
            yield blob[start : start + CHUNK_BYTES]

    @classmethod
    def from_parts(cls, parts: Iterable[str | bytes]) -> "Artefact":
        stream = iter(parts)
        description = next(stream, "")
        if not isinstance(description, str):
            raise InvalidInput("an artefact starts with its description, got bytes")
        blob = b"".join(part for part in stream if isinstance(part, bytes))
        try:
            weights = load(blob)
        except SafetensorError as error:
            raise InvalidInput(f"not a safetensors file: {error}") from error
        return cls(Description.model_validate(json.loads(description)), weights)

    @classmethod
    def of(cls, name: str, arch: ArchSpec, module: nn.Sequential, input_size: int) -> "Artefact":
        """The artefact of `module`, which is a run of leading blocks of a model of `arch`."""
        blocks = [block for block, _ in module.named_children()]
        description = Description(name=name, arch=arch, blocks=blocks, input_size=input_size)
        # contiguous: safetensors refuses channels-last strides and views that share memory
        weights = {key: value.detach().contiguous().clone() for key, value in module.state_dict().items()}
        return cls(description, weights)
