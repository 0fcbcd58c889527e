"""From any module to a graph: what it does, layer by layer, as data that another party can build without its code.

torch.fx follows one call of the module. Its blocks end where a single tensor passes from what was done to what is left
to do; each is named after the outermost of the user's modules that ends there, `layer1.0` as `layer1_0`.
"""

import inspect
import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from pydantic import ValidationError
from torch import fx, nn
from torch.nn import functional

from leakdrill.archs.graph import FUNCTIONS, INPUT, MODULES, Block, Graph, Layer
from leakdrill.errors import ScenarioError
from leakdrill.suggest import suggest

_OPS = {make: op for op, (make, _) in MODULES.items()}
#: What is called as a function or a method, and its arguments beside tensors, in order and with their defaults.
_CALLS: dict[Any, tuple[str, dict[str, Any]]] = {
    **dict.fromkeys((operator.add, operator.iadd, torch.add, "add", "add_"), ("add", {})),
    **dict.fromkeys((operator.mul, operator.imul, torch.mul, "mul", "mul_"), ("mul", {})),
    **dict.fromkeys((torch.cat, torch.concat), ("cat", {"dim": 0})),
    **dict.fromkeys((torch.flatten, "flatten"), ("flatten", {"start_dim": 0, "end_dim": -1})),
    **dict.fromkeys((torch.mean, "mean"), ("mean", {"dim": None, "keepdim": False})),
    **dict.fromkeys((functional.relu, torch.relu, "relu", "relu_"), ("relu", {})),
    functional.adaptive_avg_pool2d: ("adaptive_avg_pool2d", {"output_size": None}),
    functional.max_pool2d: (
        "max_pool2d",
        {"kernel_size": None, "stride": None, "padding": 0, "dilation": 1, "ceil_mode": False, "return_indices": False},
    ),
    functional.avg_pool2d: (
        "avg_pool2d",
        {
            "kernel_size": None, "stride": None, "padding": 0,
            "ceil_mode": False, "count_include_pad": True, "divisor_override": None,
        },
    ),
    **dict.fromkeys((torch.sigmoid, "sigmoid"), ("sigmoid", {})),
    **dict.fromkeys((torch.tanh, "tanh"), ("tanh", {})),
    functional.silu: ("silu", {}),
    functional.gelu: ("gelu", {"approximate": "none"}),
}  # fmt: skip
_SETTINGS = {op: settings for op, (_, settings) in (MODULES | FUNCTIONS).items()}
_INPLACE = "inplace"  # does not change what a layer gives
_PLACED = ("device", "dtype")  # of a module's weights, which are loaded into others


@dataclass(frozen=True)
class Traced:
    graph: Graph
    cut: str | None  # the block that the user's cut is the end of
    num_classes: int
    weights: dict[str, torch.Tensor]  # as the graph's own model has them


def trace(
    model: nn.Module, cut: str | None, mean: tuple[float, float, float], std: tuple[float, float, float]
) -> Traced:
    """Raises ScenarioError for a module that has no such description, and for a cut that is no place to cut."""
    _check_hooks(model)
    nodes = _followed(model)
    head = _head(model, nodes)
    body = nodes[1 : nodes.index(head)]
    if not body:
        raise ScenarioError(
            f"{type(model).__name__} is one torch.nn.Linear: wanted layers before it, which cbig releases"
        )
    ends = _ends(nodes, body)
    if cut is not None:
        _check_cut(cut, model, ends)
    blocks: list[Block] = []
    weights: dict[str, torch.Tensor] = {}
    start, feeding = 0, nodes[0]
    for end, name in ends.items():
        stop = body.index(end) + 1
        layers = tuple(_layer(node, model, feeding) for node in body[start:stop])
        blocks.append(Block(name=_block(name), layers=layers))
        for node in body[start:stop]:
            if node.op == "call_module":
                inside = f"{blocks[-1].name}.{'1.' if len(blocks) == 1 else ''}{node.name}"
                for key, value in model.get_submodule(str(node.target)).state_dict().items():
                    weights[f"{inside}.{key}"] = value.detach().clone()
        start, feeding = stop, end
    last: Any = model.get_submodule(str(head.target))
    bias = torch.zeros(last.out_features) if last.bias is None else last.bias
    weights |= {"head.weight": last.weight.detach().clone(), "head.bias": bias.detach().clone()}
    graph = Graph(mean=mean, std=std, body=tuple(blocks), num_features=last.in_features)
    return Traced(graph, cut and _block(cut), last.out_features, weights)


def _block(path: str) -> str:
    """What the block is called that ends with the user's module at `path`."""
    return "head_body" if path == "head" else path.replace(".", "_")  # the last layer alone is our "head"


def _check_hooks(model: nn.Module) -> None:
    for path, module in model.named_modules():
        if module._forward_hooks or module._forward_pre_hooks:
            raise ScenarioError(
                f"{path or type(model).__name__} has a forward hook, which cannot travel with it: take it off, or do "
                "in forward what it does"
            )


def _followed(model: nn.Module) -> list[fx.Node]:
    try:
        traced = fx.symbolic_trace(model.eval())
    except Exception as error:  # the user's own forward runs here, and may raise whatever it likes
        raise ScenarioError(
            f"{type(model).__name__} cannot be followed from input to output: {error}; its forward may not depend on "
            "what is in a tensor"
        ) from error
    traced.graph.eliminate_dead_code()
    nodes = list(traced.graph.nodes)
    if [node.op for node in nodes].count("placeholder") != 1 or nodes[0].op != "placeholder":
        raise ScenarioError(f"{type(model).__name__}.forward takes more than images: wanted one argument")
    weighted = [
        str(n.target) for n in nodes if n.op == "call_module" and model.get_submodule(str(n.target)).state_dict()
    ]
    if twice := {name for name in weighted if weighted.count(name) > 1}:
        raise ScenarioError(f"{sorted(twice)[0]} is used more than once: give each use a layer of its own")
    return nodes


def _head(model: nn.Module, nodes: Sequence[fx.Node]) -> fx.Node:
    last = nodes[-1].args[0]
    if isinstance(last, fx.Node) and last.op == "call_module":
        module = model.get_submodule(str(last.target))
        if type(module) is nn.Linear:
            return last
    raise ScenarioError(f"{type(model).__name__} ends in {last}, wanted a torch.nn.Linear that gives the logits")


def _ends(nodes: Sequence[fx.Node], body: Sequence[fx.Node]) -> dict[fx.Node, str]:
    """The last node of each block, in order, and the user's module that ends there."""
    ends: dict[fx.Node, str] = {}
    last_of: dict[str, fx.Node] = {}
    for node in body:
        for path, _ in (node.meta.get("nn_module_stack") or {}).values():
            last_of[path] = node
        if node.op == "call_module":
            last_of[str(node.target)] = node
    outermost: dict[fx.Node, str] = {}
    for path in sorted(filter(None, last_of), key=lambda path: path.count(".")):
        outermost.setdefault(last_of[path], path)
    place = {node: number for number, node in enumerate(nodes)}
    furthest = 0
    for node in body:
        is_alone = furthest <= place[node]  # nothing before is needed after
        furthest = max([furthest, *(place[user] for user in node.users)])
        if is_alone and node in outermost:
            ends[node] = outermost[node]
    tail = body[-1]
    if tail not in ends:  # a flatten, say, after the last module: of its block
        name = ends.pop(list(ends)[-1]) if ends else "body"
        ends[tail] = name
    return ends


def _check_cut(cut: str, model: nn.Module, ends: dict[fx.Node, str]) -> None:
    if cut in ends.values():
        return
    if cut in dict(model.named_modules()):
        raise ScenarioError(
            f"cbig.source_model.cut: {cut!r} is a module that others pass by, or ends where an outer one does: more "
            f"than its output would have to leave; cut after one of {', '.join(ends.values())}"
        )
    raise ScenarioError(f"cbig.source_model.cut: no module {cut!r}; {suggest(cut, list(ends.values()))}")


def _layer(node: fx.Node, model: nn.Module, feeding: fx.Node) -> Layer:
    def name(given: Any) -> str:
        if not isinstance(given, fx.Node):
            raise _unknown(node, f"called with {given!r} in the place of a tensor")
        return INPUT if given is feeding else given.name

    op, tensors, given, defaults = _called(node, model)
    for key, value in given.items():
        if key not in (*_SETTINGS[op], _INPLACE) and (key not in defaults or value != defaults[key]):
            raise _unknown(node, f"a {op} with {key}={value!r}", _SETTINGS[op])
    options = {key: value for key, value in given.items() if key in _SETTINGS[op]}
    try:
        return Layer(name=node.name, op=op, options=options, inputs=tuple(map(name, tensors)))
    except ValidationError as error:
        raise _unknown(node, f"a {op} with {options}") from error


def _called(node: fx.Node, model: nn.Module) -> tuple[str, Sequence[Any], dict[str, Any], Mapping[str, Any]]:
    """The node's op, the tensors that feed it, its settings, and what torch takes each to be where it is not given."""
    if not node.args:
        raise _unknown(node, f"called with {', '.join(node.kwargs) or 'nothing'} by name, the tensor too")
    if node.op == "call_module":
        module = model.get_submodule(str(node.target))
        op = _OPS.get(type(module))
        if op is None:
            raise _unknown(node, f"a {type(module).__name__}")
        defaults = {
            key: parameter.default
            for key, parameter in inspect.signature(type(module)).parameters.items()
            if parameter.kind is not parameter.VAR_POSITIONAL and parameter.kind is not parameter.VAR_KEYWORD
        }
        settings = {key: _setting(module, key) for key in defaults if key not in _PLACED}
        return op, node.args, settings | node.kwargs, defaults
    if node.op not in ("call_function", "call_method") or node.target not in _CALLS:
        raise _unknown(node, f"{node.op} {getattr(node.target, '__name__', node.target)}")
    op, defaults = _CALLS[node.target]
    first, num_tensors = node.args[0], 2 if op in ("add", "mul") else 1
    tensors = first if isinstance(first, list | tuple) else node.args[:num_tensors]
    rest = node.args[num_tensors:]
    if len(rest) > len(defaults):
        raise _unknown(node, f"a {op} with {rest[len(defaults)]!r}")
    return op, tensors, defaults | dict(zip(defaults, rest, strict=False)) | node.kwargs, defaults


def _setting(module: nn.Module, key: str) -> Any:
    value = getattr(module, key)
    return value is not None or not getattr(module, "affine", True) if key == "bias" else value


def _unknown(node: fx.Node, what: str, known: Sequence[str] = tuple(_SETTINGS)) -> ScenarioError:
    return ScenarioError(
        f"{node.name} is {what}, which has no description here; there are {', '.join(known) or 'no settings'}"
    )
