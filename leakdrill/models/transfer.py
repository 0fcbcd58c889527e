"""Transfer learning: from g_s and a fresh head to a model of another task (TransMIA, section 2.2)."""

from collections import OrderedDict
from copy import deepcopy
from functools import partial
from typing import Literal

from torch import Tensor, nn

from leakdrill.data.examples import Examples, Inputs
from leakdrill.models.augment import Change
from leakdrill.models.batches import Rows
from leakdrill.models.fit import Fit
from leakdrill.models.training import Gather, Progress, as_batch, descend, fit_model, predict

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

    freeze: only the head learns, on features computed once, unless the fit changes images in too many ways for that;
    the extractor stays bit for bit as it is, its batch-norm statistics included.
    fine_tune: everything learns, from the extractor's weights. Raises what `fit_model` raises.
    """
    frozen, learner = deepcopy(feature_extractor), deepcopy(head)
    model = nn.Sequential(OrderedDict([*frozen.named_children(), *learner.named_children()]))
    if method == "freeze":
        descend(learner, frozen_features(frozen, train.inputs, fit), train.labels, fit, seed, progress=progress)
    else:
        fit_model(model, train, fit, seed, progress=progress)
    return model.eval()


def frozen_features(feature_extractor: nn.Module, inputs: Inputs, fit: Fit) -> Gather:
    """Brings the features of images or rows, changed as `fit` asks.

    Those of the images and of their mirror images are computed once; of moved or cut ones, batch by batch.
    """
    if fit.translate or fit.shift or fit.cutout or (fit.flip and inputs.ndim != 4):  # the last is refused there
        return partial(_features_of_changed, feature_extractor, inputs)
    features = predict(feature_extractor, inputs)
    features_mirrored = predict(feature_extractor, inputs[:, :, ::-1]) if fit.flip else None

    def gather(rows: Rows, change: Change | None) -> Tensor:
        batch = features[rows]
        if change is not None and change.mirrored is not None and features_mirrored is not None:
            batch[change.mirrored] = features_mirrored[rows[change.mirrored]]
        return as_batch(batch)

    return gather


def _features_of_changed(feature_extractor: nn.Module, inputs: Inputs, rows: Rows, change: Change | None) -> Tensor:
    images = inputs[rows]
    return as_batch(predict(feature_extractor, images if change is None else change.apply(images)))
