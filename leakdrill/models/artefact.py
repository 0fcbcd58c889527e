"""A model, or its shallow part, as it travels and rests: a description and safetensors. Never a pickle."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import torch
from pydantic import Field
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import nn

from leakdrill.archs import ArchSpec, build, cut
from leakdrill.data.forms import Form
from leakdrill.errors import InvalidInput
from leakdrill.spec import Spec, from_json

CHUNK_BYTES = 1 << 20
MAX_BYTES = 1 << 30  # of an artefact on its way here: whoever sends may be hostile, and never stop
_DTYPES = {torch.float32, torch.float16, torch.int64}  # weights, coarse weights, batch norm's counters


class Description(Spec):
    """What one needs to rebuild the blocks: the architecture they come from and which of its blocks they are."""

    name: str  # "feature_extractor"
    arch: ArchSpec
    blocks: list[str] = Field(min_length=1)  # names of the leading blocks of the architecture, in order
    form: Form  # of what goes in
    num_classes: int | None = Field(None, ge=2, le=100_000)  # of a whole model, head included
    cut: str | None = None  # of a whole model: the last block of its feature extractor; default: all but the head


@dataclass(frozen=True)
class Artefact:
    description: Description
    weights: dict[str, torch.Tensor]

    def module(self) -> nn.Sequential:
        """The described blocks with these weights, in evaluation mode. Raises InvalidInput when they do not fit."""
        full = build(self.description.arch, self.description.num_classes or 2)
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

    def feature_extractor(self) -> "Artefact":
        """Its shallow part if it is a whole model; itself if it is one. Raises InvalidInput as `module` does."""
        described = self.description
        if described.num_classes is None:
            return self
        shallow, _ = cut(self.module(), described.cut)
        return Artefact.of("feature_extractor", described.arch, shallow, described.form)

    def to_parts(self) -> Iterator[str | bytes]:
        """The description as JSON, then the safetensors file in chunks of at most CHUNK_BYTES."""
        yield self.description.model_dump_json()
        blob = save(self.weights)
        for start in range(0, len(blob), CHUNK_BYTES):
            yield blob[start : start + CHUNK_BYTES]

    @classmethod
    def from_parts(cls, parts: Iterable[str | bytes]) -> "Artefact":
        """The artefact that `to_parts` sent. Raises InvalidInput for anything that is none."""
        stream = iter(parts)
        description = next(stream, "")
        if not isinstance(description, str):
            raise InvalidInput("an artefact starts with its description, got bytes")
        described = from_json(Description, description, "an artefact's description")
        return cls(described, _weights(_joined(stream)))

    @classmethod
    def of(cls, name: str, arch: ArchSpec, module: nn.Sequential, form: Form) -> "Artefact":
        """The artefact of `module`, which is a run of leading blocks of a model of `arch`."""
        blocks = [block for block, _ in module.named_children()]
        description = Description(name=name, arch=arch, blocks=blocks, form=form)
        # contiguous: safetensors refuses channels-last strides and views that share memory
        weights = {key: value.detach().cpu().contiguous().clone() for key, value in module.state_dict().items()}
        return cls(description, weights)

    @classmethod
    def of_source_model(
        cls, arch: ArchSpec, model: nn.Sequential, form: Form, num_classes: int, at: str | None
    ) -> "Artefact":
        """The artefact of a whole model, whose feature extractor ends with block `at`."""
        whole = cls.of("source_model", arch, model, form)
        description = whole.description.model_copy(update={"num_classes": num_classes, "cut": at})
        return cls(description, whole.weights)


def _joined(parts: Iterable[str | bytes]) -> bytes:
    blob = bytearray()
    for part in parts:
        if isinstance(part, str):
            raise InvalidInput("an artefact has one description, got another")
        blob += part
        if len(blob) > MAX_BYTES:
            raise InvalidInput(f"an artefact of more than {MAX_BYTES} bytes, which is the limit")
    return bytes(blob)


def _weights(blob: bytes) -> dict[str, torch.Tensor]:
    try:
        weights: dict[str, torch.Tensor] = load(blob)
    except (SafetensorError, KeyError) as error:  # a KeyError where PyTorch lacks a type that safetensors knows
        raise InvalidInput(f"not a safetensors file: {error}") from error
    for name, tensor in weights.items():
        if tensor.dtype not in _DTYPES:
            raise InvalidInput(f"{name[:80]!r} is of {tensor.dtype}, wanted one of {sorted(map(str, _DTYPES))}")
        if not torch.isfinite(tensor).all():
            raise InvalidInput(f"{name[:80]!r} has elements that are NaN or infinite, wanted none")
    return weights
