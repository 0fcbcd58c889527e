"""From any module to a graph: what it does, layer by layer, as data that another party can build without its code.

torch.fx follows one call of the module. Its blocks end where a single tensor passes from what was done to what is left
to do; each is named after the outermost of the user's modules that ends there, `layer1.0` as `layer1_0`.
"""

import operator
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import fx, nn
from torch.nn import functional

from leakdrill.archs.graph import FUNCTIONS, INPUT, MODULES, Block, Graph, Layer
from leakdrill.errors import ScenarioError
from leakdrill.scenario.suggest import suggest

_OPS = {make: op for op, (make, _) in MODULES.items()}
#: What is called as a function or a method, and its arguments beside tensors, with their defaults.
_CALLS: dict[Any, tuple[str, dict[str, Any]]] = {
    **dict.fromkeys((operator.add, operator.iadd, torch.add, "add", "add_"), ("add", {})),
    **dict.fromkeys((operator.mul, operator.imul, torch.mul, "mul", "mul_"), ("mul", {})),
    **dict.fromkeys((torch.cat, torch.concat), ("cat", {"dim": 0})),
    **dict.fromkeys((torch.flatten, "flatten"), ("flatten", {"start_dim": 0, "end_dim": -1})),
    **dict.fromkeys((torch.mean, "mean"), ("mean", {"dim": None, "keepdim": False})),
    **dict.fromkeys((functional.relu, torch.relu, "relu", "relu_"), ("relu", {})),
    functional.adaptive_avg_pool2d: ("adaptive_avg_pool2d", {"output_size": None}),
    functional.max_pool2d: ("max_pool2d", {"kernel_size": None, "stride": None, "padding": 0}),
    functional.avg_pool2d: ("avg_pool2d", {"kernel_size": None, "stride": None, "padding": 0}),
    **dict.fromkeys((torch.sigmoid, "sigmoid"), ("sigmoid", {})),
    **dict.fromkeys((torch.tanh, "tanh"), ("tanh", {})),
    functional.silu: ("silu", {}),
    functional.gelu: ("gelu", {}),
}
_IGNORED = {"inplace": None, "training": None, "ceil_mode": None, "return_indices": None, "dilation": None}


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
    nodes = _followed(model)
    head = _head(model, nodes)
    body = nodes[1 : nodes.index(head)]
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

    if node.op == "call_module":
        module = model.get_submodule(str(node.target))
        op = _OPS.get(type(module))
        if op is None:
            raise _unknown(node, f"a {type(module).__name__}")
        options = {key: _setting(module, key) for key in MODULES[op][1]}
        return Layer(name=node.name, op=op, options=options, inputs=tuple(map(name, node.args)))
    if node.op not in ("call_function", "call_method") or node.target not in _CALLS:
        raise _unknown(node, f"{node.op} {getattr(node.target, '__name__', node.target)}")
    op, defaults = _CALLS[node.target]
    tensors = (
        node.args[0]
        if isinstance(node.args[0], list | tuple)
        else node.args[:2]
        if op in ("add", "mul")
        else node.args[:1]
    )
    rest = node.args[len(tensors) if op in ("add", "mul") else 1 :]
    options = (
        defaults | dict(zip(defaults, rest, strict=False)) | {k: v for k, v in node.kwargs.items() if k not in _IGNORED}
    )
    return Layer(name=node.name, op=op, options=options, inputs=tuple(map(name, tensors)))


def _setting(module: nn.Module, key: str) -> Any:
    value = getattr(module, key)
    return value is not None if key == "bias" else value


def _unknown(node: fx.Node, what: str) -> ScenarioError:
    return ScenarioError(
        f"{node.name} is {what}, which has no description here; there are {', '.join([*MODULES, *FUNCTIONS])}"
    )
