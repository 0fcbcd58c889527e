"""Fitting a model by stochastic gradient descent, and running it.

What `predict` says of an example depends on that example and the weights alone, bit for bit, however callers were
batched: forward passes are padded to a fixed tile, because other batch sizes change the last bits. All randomness comes
from the seeds passed in. How many threads compute is the process's choice, not ours; with one, training is reproducible
to the last bit too.
"""

import itertools
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from leakdrill.archs.standardise import Standardise
from leakdrill.data.examples import Examples
from leakdrill.errors import InvalidInput, ScenarioError
from leakdrill.models.augment import Change, draw_change
from leakdrill.models.batches import Rows, check_batches, epoch_batches, learning_rate, num_batches
from leakdrill.models.device import at_work
from leakdrill.models.epochs import take_epochs
from leakdrill.models.fit import Fit
from leakdrill.models.hooks import PLAIN, Hooks
from leakdrill.models.margin import prepare_head, with_margin
from leakdrill.seeds import numpy_generator

Progress = Callable[[float, str], None]
#: Brings the inputs of the examples at these rows, changed as the second argument says (None: as they are).
Gather = Callable[[Rows, Change | None], Tensor]

#: Examples per forward pass. Of 32, 64, 128 and 256 the smallest that keeps up with passes of 256 for every small net.
TILE = 128


@dataclass(frozen=True)
class Evaluation:
    """How a classifier does on a split; `mean_loss` is the cross-entropy, in nats."""

    num_correct: int
    num_examples: int
    mean_loss: float


def to_tensor(inputs: NDArray[np.uint8]) -> Tensor:
    """Images (N, H, W, 3) as the models take them: (N, 3, H, W) float32 in [-1, 1], channels last in memory."""
    images = torch.from_numpy(np.require(inputs, requirements=["C", "W"]))
    return images.permute(0, 3, 1, 2).to(torch.float32).div_(127.5).sub_(1)


def fit_model(
    model: nn.Module,
    train: Examples,
    fit: Fit,
    seed: int,
    validation: Examples | None = None,
    progress: Progress | None = None,
) -> int:
    """Train `model` in place on images or rows, and return the epoch (from 1) whose weights it is left with.

    That is the epoch of the best validation accuracy, the earliest of equals; without validation the last. (TransMIA
    does not say on what it chose its models.) Raises InvalidInput for an empty set, ScenarioError when the loss
    becomes NaN or infinite.

    A model that standardises its inputs and has not seen any takes their scales from `train` first: so every party's
    normalisation is fitted on its own data, and that of a model under transfer stays as it came.
    """
    fit_scales(model, train)
    score = None if validation is None else partial(accuracy, model, validation)
    return descend(model, gathering(train), train.labels, fit, seed, score, progress)


def fit_scales(model: nn.Module, examples: Examples) -> None:
    """Where `model` standardises its inputs and has not seen any, take their scales from `examples`."""
    for module in _unfitted(model):
        module.fit(examples.inputs)


def needs_scales(model: nn.Module) -> bool:
    return bool(_unfitted(model))


def _unfitted(model: nn.Module) -> list[Standardise]:
    return [module for module in model.modules() if isinstance(module, Standardise) and not module.is_fitted]


def gathering(examples: Examples) -> Gather:
    """What brings the examples themselves, as a whole model takes them."""

    def gather(rows: Rows, change: Change | None) -> Tensor:
        images = examples.inputs[rows]
        return as_batch(images if change is None else change.apply(images))

    return gather


def accuracy(model: nn.Module, examples: Examples) -> float:
    return evaluate(model, examples).num_correct / len(examples)


def descend(
    model: nn.Module,
    gather: Gather,
    labels: NDArray[np.int64],
    fit: Fit,
    seed: int,
    score: Callable[[], float] | None = None,
    progress: Progress | None = None,
    hooks: Hooks = PLAIN,
) -> int:
    """`fit_model` for inputs of any kind: `gather` brings them, and `score` rates the model after each epoch."""
    if not len(labels):
        raise InvalidInput("cannot train on no examples")
    check_batches(model, len(labels), fit)
    prepare_head(model, fit)
    with at_work(model, lower=f"the fit's batch_size, now {fit.batch_size}") as device:
        optimiser = torch.optim.SGD(model.parameters(), fit.learning_rate, fit.momentum, weight_decay=fit.weight_decay)
        is_coarse = _trains_in_bfloat16(model, fit, device)
        autocast = torch.autocast(device.type, torch.bfloat16) if is_coarse else nullcontext()
        epochs = _epochs(gather, labels, fit, seed, device)

        def take_epoch() -> float:
            losses = (_step(model, fit, hooks, optimiser, autocast, *batch) for batch in next(epochs))
            return sum(losses) / (len(labels) * fit.copies)

        return take_epochs(model, take_epoch, fit, score, progress, hooks)


def predict(model: nn.Module, inputs: NDArray[Any], tile: int = TILE) -> NDArray[np.float32]:
    """What `model` gives for images (N, H, W, 3) uint8, or for features (N, ...) float32: (N, ...) float32, finite.

    `inputs` may be a memory map. Every forward pass is of exactly `tile` examples in evaluation mode, the last one
    padded, so that the result for an example does not depend on its company. Raises ScenarioError for a model that
    gives NaN or infinity.
    """
    outputs: NDArray[np.float32] | None = None
    working = at_work(model, lower="data.image_size, or take a smaller arch: a pass is of a fixed number of examples")
    with working as device, evaluating(model), torch.inference_mode():
        for start in range(0, max(len(inputs), 1), tile):
            rows = inputs[start : start + tile]
            got = model(as_batch(_padded(rows, tile)).to(device))[: len(rows)].float().cpu().numpy()
            if outputs is None:
                outputs = np.empty((len(inputs), *got.shape[1:]), np.float32)
            outputs[start : start + tile] = got
    assert outputs is not None
    if not np.isfinite(outputs).all():
        raise ScenarioError(
            "the model gives NaN or infinity: its training diverged or its weights are damaged; "
            "lower the fit's learning_rate, or the noise of a leaked copy"
        )
    return outputs


def evaluate(model: nn.Module, examples: Examples) -> Evaluation:
    """Raises InvalidInput for an empty split."""
    if not len(examples):
        raise InvalidInput("cannot evaluate a model on no examples")
    logits = predict(model, examples.inputs).astype(np.float64)
    shifted = logits - logits.max(axis=1, keepdims=True)
    losses = np.log(np.exp(shifted).sum(axis=1)) - shifted[np.arange(len(examples)), examples.labels]
    num_correct = int((logits.argmax(axis=1) == examples.labels).sum())
    return Evaluation(num_correct, len(examples), float(losses.mean()))


def softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Probabilities (N, C) of logits (N, C); finite for any finite logits."""
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    probabilities: NDArray[np.float32] = exponentials / exponentials.sum(axis=1, keepdims=True)
    return probabilities


def _epochs(
    gather: Gather, labels: NDArray[np.int64], fit: Fit, seed: int, device: torch.device
) -> Iterator[Iterator[tuple[Tensor, Tensor, float]]]:
    """For each epoch its batches: inputs, labels and learning rate."""
    generator = numpy_generator(seed, "batches")
    targets = torch.from_numpy(np.array(labels)).to(device)
    num_copies = len(labels) * fit.copies
    num_steps = fit.epochs * num_batches(num_copies, fit.batch_size)
    steps = itertools.count()

    def batches() -> Iterator[tuple[Tensor, Tensor, float]]:
        for drawn in epoch_batches(num_copies, fit.batch_size, generator):
            rows, places = np.divmod(drawn, fit.copies)
            change = draw_change(fit, places, generator)
            yield gather(rows, change).to(device), targets[rows], learning_rate(fit, next(steps), num_steps)

    return (batches() for _ in range(fit.epochs))


def _step(
    model: nn.Module,
    fit: Fit,
    hooks: Hooks,
    optimiser: torch.optim.SGD,
    autocast: AbstractContextManager[object],
    inputs: Tensor,
    targets: Tensor,
    rate: float,
) -> float:
    """One step of descent; returns the batch's summed loss before it."""
    optimiser.param_groups[0]["lr"] = rate
    optimiser.zero_grad()
    with autocast:
        logits = model(inputs)
    logits = with_margin(logits.float(), targets, fit)
    loss = cross_entropy(logits, targets, label_smoothing=hooks.label_smoothing)
    if hooks.penalty is not None:
        loss = loss + hooks.penalty(inputs, targets)
    loss.backward()  # type: ignore[no-untyped-call]
    if hooks.on_gradient is not None:
        hooks.on_gradient(model)
    optimiser.step()
    return loss.item() * len(targets)


def _trains_in_bfloat16(model: nn.Module, fit: Fit, device: torch.device) -> bool:
    """auto: where the device has it (emulated it is slower) and there are convolutions to gain from it."""
    if fit.precision != "auto":
        return fit.precision == "bfloat16"
    capabilities: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()  # older PyTorch has no such function
    native = capabilities.get("avx512_bf16") or capabilities.get("amx_bf16")
    if device.type != "cpu":
        native = device.type == "cuda" and torch.cuda.get_device_capability(device) >= (8, 0)  # Ampere
    return bool(native) and any(isinstance(module, nn.Conv2d) for module in model.modules())


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Evaluation mode for a while; afterwards every module is in the mode it was in."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training


def _padded(rows: NDArray[Any], size: int) -> NDArray[Any]:
    if len(rows) == size:
        return rows
    padded = np.zeros((size, *rows.shape[1:]), rows.dtype)
    padded[: len(rows)] = rows
    return padded


def as_batch(rows: NDArray[Any]) -> Tensor:
    """Images as `to_tensor` gives them, features (N, D) or (N, C, H, W) as they are, channels last in memory."""
    if rows.dtype == np.uint8:
        return to_tensor(rows)
    features = torch.from_numpy(np.require(rows, np.float32, ["C", "W"]))
    return features.contiguous(memory_format=torch.channels_last) if features.ndim == 4 else features
