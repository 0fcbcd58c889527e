"""A model as a public API: which outputs leave a classifier is the scenario's choice."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from torch import nn

from leakdrill.embedding import embed
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


def publish_features(feature_extractor: nn.Module, image_size: int) -> PublicModel:
    """The API "features": the embedding of an image (FaceLeaks, section 3.1)."""

    def answer(inputs: NDArray[np.uint8], wanted: frozenset[Output]) -> dict[Output, NDArray[np.generic]]:
        return {"embedding": embed(feature_extractor, inputs)} if wanted else {}

    (length,) = embed(feature_extractor, np.zeros((1, image_size, image_size, 3), np.uint8)).shape[1:]
    return PublicModel("features", image_size, 0, {"embedding": (length,)}, answer)
