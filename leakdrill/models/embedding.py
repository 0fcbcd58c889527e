"""Embeddings: what a feature extractor says of an image, as face services give it away (FaceLeaks, section 3).

They have length 1. FaceLeaks does not say so, but its threshold of 1.232 between two people is one of unit vectors
(whose distances end at 2), and the Inception-ResNet-v1 that it names for its teacher is published with that last step.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from leakdrill.data.examples import Inputs
from leakdrill.models.training import predict


def embed(feature_extractor: nn.Module, inputs: Inputs) -> NDArray[np.float32]:
    """Unit vectors (N, D) of images or rows; an extractor that was cut early gives maps, which are flattened.

    An example for which every feature is 0 has no direction, and gets zeros.
    """
    features = predict(feature_extractor, inputs)
    return normalised(features.reshape(len(features), math.prod(features.shape[1:])))


def normalised(features: NDArray[Any]) -> NDArray[np.float32]:
    """The rows of `features` (N, D) at length 1; zeros stay zeros."""
    lengths = np.linalg.norm(features, axis=1, keepdims=True)
    scaled: NDArray[np.float32] = (features / np.where(lengths > 0, lengths, 1)).astype(np.float32)
    return scaled
