"""A company's model as somebody trained it elsewhere: the user's builder, a safetensors file, and what is refused.

The builder is code of the user's, which runs in the process of the model's owner, and nowhere else. What leaves is a
graph of layers and their weights (leakdrill.models.tracing).
"""

import importlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load
from torch import nn

from leakdrill.archs import build
from leakdrill.archs.graph import Graph, Normalise
from leakdrill.data.examples import Examples
from leakdrill.errors import ScenarioError
from leakdrill.models.tracing import Traced
from leakdrill.models.training import TILE, predict
from leakdrill.plugins import REFERENCE, load_module

CONVERT = (
    'python -c "from torch import load; from safetensors.torch import save_file; '
    "save_file({k: v.clone() for k, v in load('f_s.pt', weights_only=True).items()}, 'f_s.safetensors')\""
)
SAME = 1e-4  # how far a logit may be off, of 1 or of the greatest: the same layers in the same order are far closer
_SHOWN = 3  # keys of each kind, in an error


def built(builder: str) -> nn.Module:
    """What the builder returns. Raises ScenarioError if that is no module, or if it cannot be called."""
    told = f"cbig.source_model.arch {builder}"
    name, _, function = builder.rpartition(":")
    try:
        module = load_module(Path(name), told) if REFERENCE.fullmatch(builder) else importlib.import_module(name)
        own = getattr(module, function)()
    except ScenarioError:
        raise
    except Exception as error:  # the user's own code may raise whatever it likes
        raise ScenarioError(f"{told}: {type(error).__name__}: {error}") from error
    if not isinstance(own, nn.Module):
        raise ScenarioError(f"{told} returned a {type(own).__name__}, wanted a torch.nn.Module")
    return own


def read_weights(file: Path) -> dict[str, torch.Tensor]:
    """A state dict as safetensors. Raises ScenarioError for a pickle, which is never read, and for NaN weights."""
    told = f"cbig.source_model.weights={file}"
    try:
        blob = file.read_bytes()
    except OSError as error:
        raise ScenarioError(f"{told}: {error.strerror}") from error
    if blob[:2] in (b"PK", b"\x80\x02"):  # torch.save's zip of a pickle, and its older bare one
        raise ScenarioError(f"{told} is a pickle, which could run anything when it is read: convert it with {CONVERT}")
    try:
        weights: dict[str, torch.Tensor] = load(blob)
    except (SafetensorError, KeyError) as error:
        raise ScenarioError(f"{told} is no safetensors file: {error}") from error
    for name, tensor in weights.items():
        if not torch.isfinite(tensor).all():
            raise ScenarioError(f"{told}: {name} has elements that are NaN or infinite: its training diverged")
    return weights


def rebuilt(traced: Traced, builder: str) -> nn.Sequential:
    """The graph with its weights, in evaluation mode. Raises ScenarioError for weights that are not its layers'."""
    model = build(traced.graph, traced.num_classes)
    try:
        model.load_state_dict(traced.weights)
    except RuntimeError as error:
        raise ScenarioError(
            f"the model of {builder} has a layer with other weights than torch gives it: "
            f"{' '.join(str(error).split())} Take off what changed the layer, such as a weight norm, before it is saved"
        ) from error
    return model.eval()


def check_same(model: nn.Module, own: nn.Module, graph: Graph, members: Examples, builder: str) -> None:
    """Raises ScenarioError unless the graph's `model` gives a batch of the members the logits that `own` gives them.

    What is compared is what an attack would see, so whatever following the module missed is found here.
    """
    images = members.inputs[:TILE]
    try:
        theirs = predict(nn.Sequential(Normalise(graph.mean, graph.std), own), images)
    except Exception as error:  # the user's own forward runs here, and may raise whatever it likes
        raise ScenarioError(
            f"the model of {builder} cannot be run on images {images.shape[1:]}: {type(error).__name__}: {error}"
        ) from error
    logits = predict(model, images)
    apart = float(np.abs(logits - theirs).max()) if logits.shape == theirs.shape else np.inf
    if apart > SAME * max(1.0, float(np.abs(theirs).max())):
        raise ScenarioError(
            f"the model of {builder} does what its layers do not say: its logits for {len(images)} members are up to "
            f"{apart:.2g} from those of its layers one by one. Leave each layer's forward as torch has it, change no "
            "tensor in place that is used again, and keep no state between calls"
        )


def fill(model: nn.Module, weights: Mapping[str, torch.Tensor], file: Path) -> None:
    """Load them. Raises ScenarioError naming the keys that do not fit."""
    wanted = model.state_dict()
    problems = {
        "missing": wanted.keys() - weights.keys(),
        "unknown to the builder's model": weights.keys() - wanted.keys(),
        "of another shape": {
            f"{key} {tuple(weights[key].shape)}, wanted {tuple(wanted[key].shape)}"
            for key in wanted.keys() & weights.keys()
            if wanted[key].shape != weights[key].shape
        },
    }
    found = [f"{len(keys)} {what} ({_first(sorted(keys))})" for what, keys in problems.items() if keys]
    if found:
        hint = "; it was saved from torch.nn.DataParallel: save model.module" if _is_parallel(weights) else ""
        raise ScenarioError(
            f"cbig.source_model.weights={file} do not fit the builder: {'; '.join(found)}: build the model as it was "
            f"when its state dict was saved{hint}"
        )
    model.load_state_dict(dict(weights))


def _first(keys: list[str]) -> str:
    return ", ".join(keys[:_SHOWN]) + (", ..." if len(keys) > _SHOWN else "")


def _is_parallel(weights: Mapping[str, torch.Tensor]) -> bool:
    return all(key.startswith("module.") for key in weights)
