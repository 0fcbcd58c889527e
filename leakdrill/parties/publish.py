"""A model as a public API: which outputs leave a classifier, and through which defences, is the scenario's choice."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from torch import nn

from leakdrill.data.forms import Form
from leakdrill.defences import Guard
from leakdrill.models.device import current
from leakdrill.models.embedding import embed
from leakdrill.models.training import predict, softmax
from leakdrill.oracles.oracle import Output
from leakdrill.parties.batching import Rows
from leakdrill.parties.inference import PublicModel, input_of


def publish(
    name: str,
    model: nn.Module,
    num_classes: int,
    form: Form,
    outputs: Sequence[Output],
    guard: Guard | None = None,
) -> PublicModel:
    """The API `name` of a classifier, answering with `outputs` computed from one forward pass.

    Scores are as `guard` makes them, and the label is the largest of these. Logits are not its business: a scenario
    cannot publish them beside a defence.
    """
    model.to(current())  # to stay, rather than come and go with each question
    scores_change_label = guard is not None and not guard.keeps_argmax

    def answer(rows: Rows, wanted: frozenset[Output]) -> dict[Output, NDArray[np.generic]]:
        inputs, *questions = rows
        logits = predict(model, inputs)
        shown = logits
        if "scores" in wanted or scores_change_label:  # a label that is kept needs no defence's work
            shown = guard(softmax(logits), inputs, *questions) if guard else softmax(logits)
        makers: dict[Output, Callable[[], NDArray[np.generic]]] = {
            "logits": lambda: logits,
            "scores": lambda: shown,
            "label": lambda: (shown if scores_change_label else logits).argmax(axis=1),
        }
        return {output: makers[output]() for output in wanted}

    shapes: dict[Output, tuple[int, ...]] = {"logits": (num_classes,), "scores": (num_classes,), "label": ()}
    tails = {output: shapes[output] for output in outputs}
    return PublicModel(name, (input_of(form),), tails, answer, is_numbered=guard is not None and guard.is_fresh)


def publish_features(feature_extractor: nn.Module, form: Form, guard: Guard | None = None) -> PublicModel:
    """The API "features": the embedding of an example (FaceLeaks, section 3.1)."""

    feature_extractor.to(current())

    def answer(rows: Rows, wanted: frozenset[Output]) -> dict[Output, NDArray[np.generic]]:
        inputs, *questions = rows
        embeddings = embed(feature_extractor, inputs)
        return {"embedding": guard(embeddings, inputs, *questions) if guard else embeddings} if wanted else {}

    (length,) = embed(feature_extractor, np.zeros((1, *form.shape), form.dtype)).shape[1:]
    is_fresh = guard is not None and guard.is_fresh
    return PublicModel("features", (input_of(form),), {"embedding": (length,)}, answer, is_numbered=is_fresh)
