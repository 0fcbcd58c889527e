"""A network that its owner brought along, as data: layers and what feeds them. It travels without its owner's code."""

from collections.abc import Callable
from typing import Annotated, Any, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from leakdrill.archs.head import Head
from leakdrill.errors import ScenarioError
from leakdrill.spec import Spec

MAX_PARAMETERS = 1 << 28  # 1 GiB: a description may come from a hostile party
INPUT = "@"  # of a block: what the block before it gives

_CONVOLVED = (
    "in_channels", "out_channels", "kernel_size", "stride", "padding", "dilation", "groups", "bias", "padding_mode",
)  # fmt: skip
_MAXIMUM = ("kernel_size", "stride", "padding", "dilation", "ceil_mode")
_AVERAGE = ("kernel_size", "stride", "padding", "ceil_mode", "count_include_pad", "divisor_override")
#: Layers with or without weights, and the settings that make each; then functions, and theirs.
MODULES: dict[str, tuple[type[nn.Module], tuple[str, ...]]] = {
    "conv2d": (nn.Conv2d, _CONVOLVED),
    "linear": (nn.Linear, ("in_features", "out_features", "bias")),
    "batch_norm2d": (nn.BatchNorm2d, ("num_features", "eps", "momentum", "affine")),
    "batch_norm1d": (nn.BatchNorm1d, ("num_features", "eps", "momentum", "affine")),
    "relu": (nn.ReLU, ()),
    "relu6": (nn.ReLU6, ()),
    "leaky_relu": (nn.LeakyReLU, ("negative_slope",)),
    "silu": (nn.SiLU, ()),
    "hardswish": (nn.Hardswish, ()),
    "hardsigmoid": (nn.Hardsigmoid, ()),
    "gelu": (nn.GELU, ("approximate",)),
    "sigmoid": (nn.Sigmoid, ()),
    "tanh": (nn.Tanh, ()),
    "max_pool2d": (nn.MaxPool2d, _MAXIMUM),
    "avg_pool2d": (nn.AvgPool2d, _AVERAGE),
    "adaptive_avg_pool2d": (nn.AdaptiveAvgPool2d, ("output_size",)),
    "dropout": (nn.Dropout, ("p",)),
    "flat": (nn.Flatten, ("start_dim", "end_dim")),
    "identity": (nn.Identity, ()),
}
FUNCTIONS: dict[str, tuple[Callable[..., Tensor], tuple[str, ...]]] = {
    "add": (torch.add, ()),
    "mul": (torch.mul, ()),
    "cat": (lambda *parts, dim: torch.cat(parts, dim), ("dim",)),
    "flatten": (torch.flatten, ("start_dim", "end_dim")),
    "mean": (torch.mean, ("dim", "keepdim")),
}

Name = Annotated[str, Field(pattern=r"^\w+$", max_length=200)]
Feed = Annotated[str, Field(pattern=rf"^(\w+|{INPUT})$", max_length=200)]
Word = Literal["same", "valid", "zeros", "reflect", "replicate", "circular", "none", "tanh"]
Setting = bool | int | float | Word | tuple[int | None, ...] | None


class Layer(Spec):
    name: Name
    op: str
    options: dict[str, Setting] = Field({})
    inputs: tuple[Feed, ...] = Field(min_length=1)  # earlier layers of the block, or INPUT


class Block(Spec):
    name: Name
    layers: tuple[Layer, ...] = Field(min_length=1, max_length=5000)  # the last one's output is the block's


class Graph(Spec):
    """A network of cbig's own, traced layer by layer from the module that built it (docs/own-model.md)."""

    kind: Literal["graph"] = "graph"
    mean: tuple[float, float, float]  # of each channel in [0, 1], which is subtracted
    std: tuple[float, float, float]
    body: tuple[Block, ...] = Field(min_length=1, max_length=1000)
    num_features: int = Field(ge=1)  # that the head takes

    def blocks(self, num_classes: int) -> dict[str, nn.Module]:
        """Raises ScenarioError for layers that cannot be built."""
        built: dict[str, nn.Module] = {block.name: Run(block) for block in self.body}
        first = self.body[0].name
        built[first] = nn.Sequential(Normalise(self.mean, self.std), built[first])
        built["head"] = Head(self.num_features, num_classes)
        if (num := sum(p.numel() for block in built.values() for p in block.parameters())) > MAX_PARAMETERS:
            raise ScenarioError(f"a network of {num:,} weights, wanted at most {MAX_PARAMETERS:,}")
        return built


class Normalise(nn.Module):
    """Images in [-1, 1], as leakdrill has them, to (x - mean) / std of images in [0, 1], as their owner had them."""

    def __init__(self, mean: tuple[float, ...], std: tuple[float, ...]) -> None:
        super().__init__()
        self._scale = [0.5 / deviation for deviation in std]
        self._shift = [(0.5 - middle) / deviation for middle, deviation in zip(mean, std, strict=True)]

    def forward(self, x: Tensor) -> Tensor:
        return x * x.new_tensor(self._scale)[:, None, None] + x.new_tensor(self._shift)[:, None, None]


class Run(nn.Module):
    """The layers of a block, one after another."""

    def __init__(self, block: Block) -> None:
        super().__init__()
        self._block = block
        for layer in block.layers:
            if layer.op in MODULES:
                self.add_module(layer.name, _made(layer))
            elif layer.op not in FUNCTIONS or layer.options.keys() - set(FUNCTIONS[layer.op][1]):
                raise ScenarioError(f"layer {layer.name}: there is no {layer.op} with {sorted(layer.options)}")

    def forward(self, x: Tensor) -> Tensor:
        values = {INPUT: x}
        for layer in self._block.layers:
            given = [values[name] for name in layer.inputs]
            if layer.op in MODULES:
                values[layer.name] = self.get_submodule(layer.name)(*given)
            else:
                values[layer.name] = FUNCTIONS[layer.op][0](*given, **layer.options)
        return values[self._block.layers[-1].name]


def _made(layer: Layer) -> nn.Module:
    make, settings = MODULES[layer.op]
    if unknown := layer.options.keys() - set(settings):
        raise ScenarioError(f"layer {layer.name}: a {layer.op} has no {sorted(unknown)}, only {', '.join(settings)}")
    options: dict[str, Any] = dict(layer.options)
    try:
        return make(**options)
    except (TypeError, ValueError, RuntimeError) as error:
        raise ScenarioError(f"layer {layer.name} cannot be built: {error}") from error
