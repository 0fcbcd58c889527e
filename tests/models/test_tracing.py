"""A user's model as a graph of layers: the very same logits, or a refusal that says which layer has no description."""

import operator
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional
from torchvision.models import resnet18

from leakdrill.archs import build
from leakdrill.archs.graph import Graph
from leakdrill.data.examples import Examples
from leakdrill.errors import ScenarioError
from leakdrill.models.loaded import check_same, rebuilt
from leakdrill.models.tracing import trace

MEAN, STD = (0.5, 0.4, 0.6), (0.25, 0.2, 0.3)


def test_a_graph_gives_the_very_logits_of_the_module_it_was_traced_from() -> None:
    network = resnet18(num_classes=3).eval()
    traced = trace(network, "layer3", MEAN, STD)
    model = build(traced.graph, 3)
    model.load_state_dict(traced.weights)
    images = torch.rand(2, 3, 32, 32)
    with torch.inference_mode():
        theirs = network((images - torch.tensor(MEAN)[:, None, None]) / torch.tensor(STD)[:, None, None])
        torch.testing.assert_close(model.eval()(2 * images - 1), theirs, rtol=1e-4, atol=1e-5)
    assert type(traced.graph).model_validate_json(traced.graph.model_dump_json()) == traced.graph


def members() -> Examples:
    pixels = np.random.default_rng(0).integers(0, 256, (5, 9, 9, 3), dtype=np.uint8)
    return Examples(pixels, np.zeros(5, np.int64))


def audited(network: nn.Module) -> None:
    """What load_source does with a network that is built and filled."""
    traced = trace(network, None, MEAN, STD)
    check_same(rebuilt(traced, "model.py:build"), network, traced.graph, members(), "model.py:build")


def ending(*layers: nn.Module, features: int) -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(features, 3))


class Calling(nn.Module):
    """What `call` does to (N, 3, 9, 9) images, and a last layer."""

    def __init__(self, call: Callable[[torch.Tensor], torch.Tensor]) -> None:
        super().__init__()
        self.call = call
        self.head = nn.Linear(call(torch.zeros(2, 3, 9, 9)).flatten(1).shape[1], 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.call(x).flatten(1))


@pytest.mark.parametrize(
    "network",
    [
        ending(nn.Conv2d(3, 2, 3, padding=1, padding_mode="reflect"), features=162),
        ending(nn.AvgPool2d(3, 2, padding=1, count_include_pad=False), features=75),
        ending(nn.AvgPool2d(2, divisor_override=3), features=48),
        ending(nn.MaxPool2d(2, dilation=2, ceil_mode=True), features=48),
        ending(nn.GELU(approximate="tanh"), features=243),
        ending(nn.BatchNorm2d(3, affine=False), nn.Conv2d(3, 2, 3, bias=False), features=98),
        Calling(lambda x: functional.max_pool2d(x, 2, 2, 0, 2, True)),
        Calling(lambda x: functional.avg_pool2d(x, 3, 2, 1, True, False)),
        Calling(lambda x: functional.avg_pool2d(x, kernel_size=2, ceil_mode=True, divisor_override=3)),
        Calling(lambda x: functional.gelu(x, approximate="tanh")),
    ],
    ids=str,
)
def test_every_setting_of_a_layer_is_in_its_description(network: nn.Module) -> None:
    audited(network)


@pytest.mark.parametrize(
    ("network", "told"),
    [
        (ending(nn.BatchNorm2d(3, track_running_stats=False), features=243), "batch_norm2d with track_running_stats=F"),
        (ending(nn.Identity(), features=243)[2:], "Sequential is one torch.nn.Linear: wanted layers before it"),
        (
            Calling(lambda x: torch.add(x, x, alpha=2)),
            "a add with alpha=2, which has no description here; there are no",
        ),
        (Calling(lambda x: x.mean(2, dtype=torch.float32)), "mean with dtype=torch.float32"),
        (Calling(lambda x: torch.flatten(input=x)[None]), "called with input by name, the tensor too"),
        (Calling(lambda x: functional.adaptive_avg_pool2d(x, (x.shape[2], 1))), "getattr"),
    ],
)
def test_a_setting_that_has_no_description_is_refused_by_name(network: nn.Module, told: str) -> None:
    with pytest.raises(ScenarioError, match=re.escape(told)):
        audited(network)


def test_a_forward_hook_is_refused_since_it_would_stay_behind() -> None:
    network = ending(nn.Conv2d(3, 2, 3), features=98)
    hook = network[0].register_forward_hook(lambda module, given, got: 2 * got)
    with pytest.raises(ScenarioError, match=r"^0 has a forward hook, which cannot travel with it: take it off"):
        audited(network)
    hook.remove()
    audited(network)
    network.register_forward_pre_hook(lambda module, given: None)
    with pytest.raises(ScenarioError, match=r"^Sequential has a forward hook"):
        audited(network)


def test_a_model_that_is_not_the_sum_of_its_layers_is_refused_on_the_real_images() -> None:
    doubled = ending(nn.Conv2d(3, 2, 3), features=98)
    convolved = doubled[0].forward
    doubled[0].forward = lambda x: 2 * convolved(x)  # type: ignore[method-assign]
    told = r"^the model of model.py:build does what its layers do not say: its logits for 5 members are up to [0-9.]+ "
    with pytest.raises(ScenarioError, match=told):
        audited(doubled)
    with pytest.raises(ScenarioError, match=told):
        audited(Calling(lambda x: operator.iadd(x, x.relu()) + x))


def test_a_model_for_images_of_another_size_and_a_layer_with_weights_of_its_own_are_refused() -> None:
    narrow = ending(nn.Conv2d(3, 2, 3), features=50)
    with pytest.raises(ScenarioError, match=r"model.py:build cannot be run on images \(9, 9, 3\): RuntimeError: mat1"):
        audited(narrow)
    odd = ending(nn.Conv2d(3, 2, 3), features=98)
    odd[0].register_buffer("mask", torch.ones(3))
    with pytest.raises(ScenarioError, match=r"has a layer with other weights than torch gives it: .*mask"):
        audited(odd)


class Branching(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.head = nn.Conv2d(3, 3, 1), nn.Softmax2d(), nn.Linear(3, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(x if x.sum() > 0 else -x)


@pytest.mark.parametrize(
    ("network", "cut", "told"),
    [
        (resnet18(num_classes=3), "layer5", r"cut: no module 'layer5'; did you mean 'layer4'\?"),
        (resnet18(num_classes=3), "layer1.0.conv1", r"'layer1.0.conv1' is a module that others pass by"),
        (Branching(), None, r"Branching cannot be followed from input to output: symbolically traced"),
        (
            nn.Sequential(nn.Conv2d(3, 3, 1), nn.Softmax2d(), nn.Flatten(), nn.Linear(3, 2)),
            None,
            r"is a Softmax2d, which",
        ),
        (nn.Sequential(nn.Linear(3, 2), nn.ReLU()), None, r"Sequential ends in _1, wanted a torch.nn.Linear that"),
    ],
)
def test_what_cannot_be_cut_or_followed_says_what_can(network: nn.Module, cut: str | None, told: str) -> None:
    with pytest.raises(ScenarioError, match=told):
        trace(network, cut, MEAN, STD)


@pytest.mark.parametrize(
    ("layer", "told"),
    [
        ({"op": "system"}, "layer a: there is no system with"),
        ({"op": "relu", "options": {"inplace": True}}, r"layer a: a relu has no \['inplace'\]"),
        ({"op": "linear", "options": {"in_features": 3}}, "layer a cannot be built: .*out_features"),
        (
            {"op": "linear", "options": {"in_features": 1 << 15, "out_features": 1 << 15}},
            "a network of 1,073,[0-9,]+ weights, wanted at most 268,435,456",
        ),
    ],
)
def test_a_graph_that_a_hostile_party_sent_is_refused_before_it_takes_memory(layer: dict[str, Any], told: str) -> None:
    body = [{"name": "b", "layers": [{"name": "a", "inputs": ["@"]} | layer]}]
    graph = Graph.model_validate({"mean": MEAN, "std": STD, "body": body, "num_features": 3})
    with pytest.raises(ScenarioError, match=told):
        build(graph, 2)
