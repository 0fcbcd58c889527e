"""How a model is fitted: the hyperparameters a scenario may set for any training."""

from typing import Literal, Self

from pydantic import Field, model_validator

from leakdrill.spec import Spec

#: CosFace, section 4.2; ArcFace, section 3.1, where the scale is also said to be CosFace's.
SCALE = 64.0
MARGINS = {"cosface": 0.35, "arcface": 0.5}


class Fit(Spec):
    """Stochastic gradient descent with momentum and a learning-rate schedule."""

    epochs: int = Field(20, ge=1, le=1000)
    batch_size: int = Field(128, ge=1, le=4096)
    learning_rate: float = Field(0.1, gt=0)
    momentum: float = Field(0.9, ge=0, lt=1)
    weight_decay: float = Field(5e-4, ge=0)
    schedule: Literal["cosine", "constant"] = "cosine"
    loss: Literal["softmax", "cosface", "arcface"] = Field(
        "softmax", description="with a margin (leakdrill/models/margin.py), the model's logits become scale * cosine"
    )
    scale: float | None = Field(None, gt=0, le=1000, description="of the cosines, with a margin; default: 64")
    margin: float | None = Field(None, ge=0, le=1, description="default: cosface 0.35, arcface 0.5 (radians)")
    flip: bool = Field(False, description="mirror images at random")
    translate: int = Field(
        0, ge=0, le=64, description="pixels d: an epoch has each image, and it moved by all (i, j) of |i| + |j| = d"
    )
    shift: int = Field(0, ge=0, le=64, description="move images at random, by up to so many pixels each way")
    cutout: int = Field(0, ge=0, le=256, description="side of a square cut out of each image at random, in pixels")
    precision: Literal["auto", "bfloat16", "float32"] = Field(
        "auto", description="of training; scoring is always float32. auto: bfloat16 where the processor has it"
    )

    @model_validator(mode="after")
    def _has_what_its_loss_takes(self) -> Self:
        if self.loss == "softmax" and (self.scale is not None or self.margin is not None):
            raise ValueError(
                "loss: softmax takes no scale and no margin: leave them out, or set loss: cosface or arcface"
            )
        return self

    @property
    def loss_scale(self) -> float:
        return SCALE if self.scale is None else self.scale

    @property
    def loss_margin(self) -> float:
        """0 for softmax."""
        return MARGINS.get(self.loss, 0.0) if self.margin is None else self.margin

    @property
    def copies(self) -> int:
        """Of each example that an epoch has."""
        return 4 * self.translate + 1

    @property
    def passes(self) -> int:
        """Over each example, forward and backward, in the whole training."""
        return self.epochs * self.copies
