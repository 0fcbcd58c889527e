"""Transfer learning: from g_s and a fresh head to a model of another task (TransMIA, section 2.2)."""

from collections import OrderedDict
from copy import deepcopy
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from leakdrill.examples import Examples
from leakdrill.fit import Fit
from leakdrill.training import Gather, Progress, Rows, as_batch, descend, fit_model, predict

Method = Literal["freeze", "fine_tune"]


def adapt(
    feature_extractor: nn.Sequential,
    head: nn.Sequential,
    train: Examples,
    fit: Fit,
    method: Method,
    seed: int,
    progress: Progress | None = None,
) -> nn.Sequential:
    """A new model on `train`, with the block names of its architecture; neither argument is changed.

    freeze: only the head learns, on features computed once; the extractor stays bit for bit as it is, its batch-norm
    statistics included.
    fine_tune: everything learns, from the extractor's weights. Raises what `fit_model` raises.
    """
    frozen, learner = deepcopy(feature_extractor), deepcopy(head)
    model = nn.Sequential(OrderedDict([*frozen.named_children(), *learner.named_children()]))
    if method == "freeze":
        descend(learner, frozen_features(frozen, train.inputs, fit.flip), train.labels, fit, seed, progress=progress)
    else:
        fit_model(model, train, fit, seed, progress=progress)
    return model.eval()


def frozen_features(feature_extractor: nn.Module, inputs: NDArray[np.uint8], flip: bool) -> Gather:
    """Brings the features of images (N, H, W, 3), which it computes once, and of their mirror images if `flip`."""
    features = predict(feature_extractor, inputs)
    features_mirrored = predict(feature_extractor, inputs[:, :, ::-1]) if flip else None

    def gather(rows: Rows, mirrored: NDArray[np.bool_] | None) -> Tensor:
        batch = features[rows]
        if mirrored is not None and features_mirrored is not None:
            batch[mirrored] = features_mirrored[rows[mirrored]]
        return as_batch(batch)

    return gather
