"""A small convolutional network, of the kind the first membership inference papers attacked."""

import math
from functools import partial
from typing import Literal

from pydantic import Field
from torch import nn

from leakdrill.archs.head import Head
from leakdrill.spec import Spec

GROUPS = 8  # of channels, at most, that are normalised together
GRID = 4  # positions a side that the dense layer sees, whatever the size of the image


class SmallCnn(Spec):
    """Two convolutions and a pooling, twice; then one dense layer of features (128 of them, as in Shokri et al. 2017).

    The dense layer sees a grid of 4 x 4 averaged positions, so any input size works.
    """

    kind: Literal["small_cnn"] = "small_cnn"
    width: int = Field(32, ge=1, le=1024, description="channels of the first convolutions; the second have twice")
    num_features: int = Field(128, ge=1, le=8192)
    norm: Literal["batch", "group"] = Field(
        "batch", description="of each convolution; group: within each example, which dp_sgd needs"
    )

    def blocks(self, num_classes: int) -> dict[str, nn.Module]:
        width, pair = self.width, partial(_pair, norm=self.norm)
        return {
            "conv1": nn.Sequential(*pair(3, width), nn.MaxPool2d(2)),
            "conv2": nn.Sequential(*pair(width, 2 * width), nn.MaxPool2d(2)),
            "pool": nn.Sequential(nn.AdaptiveAvgPool2d(GRID), nn.Flatten()),
            "dense": nn.Sequential(nn.Linear(2 * width * GRID**2, self.num_features), nn.ReLU()),
            "head": Head(self.num_features, num_classes),
        }


def _pair(num_in: int, num_out: int, norm: str) -> list[nn.Module]:
    return [*_convolution(num_in, num_out, norm), *_convolution(num_out, num_out, norm)]


def _convolution(num_in: int, num_out: int, norm: str) -> list[nn.Module]:
    normalise = nn.BatchNorm2d(num_out) if norm == "batch" else nn.GroupNorm(math.gcd(GROUPS, num_out), num_out)
    return [nn.Conv2d(num_in, num_out, 3, padding=1, bias=False), normalise, nn.ReLU()]
