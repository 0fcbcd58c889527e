"""The last layer of every architecture: linear, or a scaled cosine once it was trained with a margin loss."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import linear, normalize


class Head(nn.Linear):
    """Logits (N, C) of features (N, D): W x + b; with a `cosine_scale` s, s cos(angle of x and W_c), without b.

    The cosine is what face recognition's margin losses train (Wang et al. 2018, equation 2; Deng et al. 2019, section
    2.1). The scale is part of the weights, so whoever holds them predicts as their owner does; a linear head's weights
    are an `nn.Linear`'s, and either kind loads into the other.
    """

    cosine_scale: Tensor | None  # float32 scalar

    def __init__(self, in_features: int, out_features: int) -> None:
        super().__init__(in_features, out_features)
        self.register_buffer("cosine_scale", None)

    def become_cosine(self, scale: float) -> None:
        """From now on the logits are `scale` times the cosines."""
        self.cosine_scale = torch.tensor(scale, device=self.weight.device)
        nn.init.zeros_(self.bias)

    def forward(self, x: Tensor) -> Tensor:
        if self.cosine_scale is None:
            return super().forward(x)
        # bfloat16's cosines near 1 are 0.004 apart, a quarter of a nat at a scale of 64
        with torch.autocast(x.device.type, enabled=False):
            return self.cosine_scale * linear(normalize(x.float()), normalize(self.weight.float()))

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *args: Any) -> None:
        has_one = f"{prefix}cosine_scale" in state_dict
        self.cosine_scale = torch.ones((), device=self.weight.device) if has_one else None
        super()._load_from_state_dict(state_dict, prefix, *args)
