"""Losses that train an angle between classes, as modern face recognition does: logits made worse by a margin.

CosFace: Wang et al. 2018, "CosFace: Large Margin Cosine Loss for Deep Face Recognition", equation 4. ArcFace: Deng et
al. 2019, "ArcFace: Additive Angular Margin Loss for Deep Face Recognition", equation 3. Both are the cross-entropy of
s cos(theta_c), with normalised features and class weights, where the true class must win by a margin m: its logit is
s (cos(theta) - m), or s cos(theta + m). The margin is training's alone: a model's answers are the plain s cos(theta_c).
"""

import math

import torch
from torch import Tensor, nn

from leakdrill.archs.head import Head
from leakdrill.errors import ScenarioError
from leakdrill.models.fit import Fit

SMALLEST_SQUARED_SINE = 1e-6  # the gradient of an angle is infinite where its sine is 0


def prepare_head(model: nn.Module, fit: Fit) -> None:
    """Give `model`'s head the logits that `fit.loss` trains. Raises ScenarioError when its last layer cannot have them.

    softmax trains a head as it is.
    """
    if fit.loss == "softmax":
        return
    last = list(model.children())[-1:]
    if not last or not isinstance(last[0], Head):
        kind = type(last[0] if last else model).__name__
        raise ScenarioError(
            f"loss: {fit.loss} trains the angles of a linear head, but this model ends in a {kind}: use loss: softmax"
        )
    last[0].become_cosine(fit.loss_scale)


def with_margin(logits: Tensor, labels: Tensor, fit: Fit) -> Tensor:
    """Logits (N, C) float32 of a prepared head for which the cross-entropy with labels (N,) is `fit.loss`.

    Where the angle and ArcFace's margin pass pi, the cosine would rise again and reward the worst; there it is s
    (cos(theta) - m sin(m)), which falls on, as in the authors' code.
    """
    if fit.loss == "softmax":
        return logits
    scale, margin, rows = fit.loss_scale, fit.loss_margin, labels[:, None]
    cosine = logits.gather(1, rows) / scale
    if fit.loss == "cosface":
        target = cosine - margin
    else:
        sine = (1 - cosine.square()).clamp_min(SMALLEST_SQUARED_SINE).sqrt()
        added = cosine * math.cos(margin) - sine * math.sin(margin)
        target = torch.where(cosine > -math.cos(margin), added, cosine - margin * math.sin(margin))
    return logits.scatter(1, rows, scale * target)
