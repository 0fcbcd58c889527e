"""Architectures: each is a run of named blocks, so that it can be cut into feature extractor and head anywhere.

A new one is a new file here and its name in `_Arch`, or an installed package's (leakdrill.plugins). Its spec has one
method, `blocks`, which returns the blocks in order; the last is called "head" and is a `Head`, and what comes out of
the block before it is (N, D).
"""

from collections import OrderedDict
from typing import Annotated, get_args

import torch
from pydantic import Field
from torch import nn

from leakdrill.archs.fully_connected import FullyConnected
from leakdrill.archs.graph import Graph
from leakdrill.archs.inception_resnet_v1 import InceptionResNetV1
from leakdrill.archs.initialise import initialise
from leakdrill.archs.own import Own
from leakdrill.archs.paper_cnn import PaperCnn
from leakdrill.archs.resnet18 import ResNet18
from leakdrill.archs.resnet_cifar import ResNet8, ResNet20
from leakdrill.archs.small_cnn import SmallCnn
from leakdrill.data.forms import Form, RowForm
from leakdrill.errors import ScenarioError
from leakdrill.plugins import Kinds
from leakdrill.spec import Spec

_Arch = SmallCnn | PaperCnn | ResNet8 | ResNet20 | ResNet18 | InceptionResNetV1 | FullyConnected

ARCHS: dict[str, type[_Arch]] = {arch.model_fields["kind"].default: arch for arch in get_args(_Arch)}
ARCH_KINDS = Kinds("arch", "leakdrill.archs", Spec, {**ARCHS, "own": Own, "graph": Graph}, from_files=False)

#: A scenario names one of ARCHS, or a network of the user's own, which becomes a graph before it travels.
ArchSpec = Annotated[_Arch | Own | Graph, Field(discriminator="kind"), ARCH_KINDS]


def build(spec: ArchSpec, num_classes: int, seed: int = 0) -> nn.Sequential:
    """A new model of `spec` with weights drawn from `seed`, and from nothing else. Takes (N, 3, H, W), any H and W,
    or (N, F) if it is one for rows.

    It is made without memory first, because layers draw their first weights from the global generator.
    """
    with torch.device("meta"):
        model = nn.Sequential(OrderedDict(spec.blocks(num_classes)))
    model.to_empty(device="cpu")
    initialise(model, torch.Generator().manual_seed(seed))
    # channels-last is the faster layout on a CPU; weights loaded later keep it
    return model.to(memory_format=torch.channels_last)


def fitting(spec: ArchSpec, form: Form) -> ArchSpec:
    """`spec` for inputs of `form`: a network for rows is told their width, others take any size of image.

    Raises ScenarioError for a network that takes the other form, or another width.
    """
    takes_rows, has_rows = isinstance(spec, FullyConnected), isinstance(form, RowForm)
    if takes_rows != has_rows:
        remedy = f"choose {FullyConnected.model_fields['kind'].default}" if has_rows else "choose another arch"
        raise ScenarioError(f"{spec.kind} takes {'rows' if takes_rows else 'images'}, the data are {form}: {remedy}")
    if not isinstance(spec, FullyConnected) or not isinstance(form, RowForm):
        return spec
    if spec.num_features not in (None, form.num_features):
        raise ScenarioError(f"the arch's num_features is {spec.num_features}, the data are {form}: leave it out")
    return spec.model_copy(update={"num_features": form.num_features})


def cut(model: nn.Sequential, at: str | None = None) -> tuple[nn.Sequential, nn.Sequential]:
    """Feature extractor (up to and including block `at`) and head (the rest); by default the head is the last layer.

    The two share their modules with `model`. Raises ScenarioError when `at` is not one of its blocks, or its last.
    """
    names = [name for name, _ in model.named_children()]
    if at is None:
        return model[:-1], model[-1:]
    if at not in names[:-1]:
        raise ScenarioError(f"cannot cut after block {at!r}; wanted one of {', '.join(names[:-1])}")
    depth = names.index(at) + 1
    return model[:depth], model[depth:]
