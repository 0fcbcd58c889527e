"""A trained model as a public API: which outputs leave it is the scenario's choice."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from torch import nn

from leakdrill.inference import PublicModel
from leakdrill.oracle import Output
from leakdrill.training import predict, softmax


def publish(name: str, model: nn.Module, num_classes: int, image_size: int, outputs: Sequence[Output]) -> PublicModel:
    """The API `name` of a classifier, answering with `outputs` computed from one forward pass."""

    def answer(inputs: NDArray[np.uint8], wanted: frozenset[Output]) -> dict[Output, NDArray[np.generic]]:
        logits = predict(model, inputs)
        makers: dict[Output, Callable[[], NDArray[np.generic]]] = {
            "logits": lambda: logits,
            "scores": lambda: softmax(logits),
            "label": lambda: logits.argmax(axis=1),
        }
        return {output: makers[output]() for output in wanted}

    shapes: dict[Output, tuple[int, ...]] = {"logits": (num_classes,), "scores": (num_classes,), "label": ()}
    return PublicModel(name, image_size, num_classes, {output: shapes[output] for output in outputs}, answer)
