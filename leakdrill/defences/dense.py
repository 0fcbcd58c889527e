"""Small dense networks over scores: fitted in torch, then evaluated in NumPy float64, a fixed number of rows at a time.

Matrix products of other sizes have other last bits, and a row's answer must not depend on its company.
"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from leakdrill.archs.initialise import initialise
from leakdrill.seeds import torch_generator

BLOCK = 64  # rows in one matrix product

Layers = tuple[tuple[NDArray[np.float64], NDArray[np.float64]], ...]  # matrices (in, out) and biases


def dense_network(widths: Sequence[int], seed: int) -> nn.Sequential:
    """Linear layers of these widths with ReLU between them, drawn from the seed."""
    layers = [layer for pair in pairwise(widths) for layer in (nn.Linear(*pair), nn.ReLU())]
    network = nn.Sequential(*layers[:-1])
    initialise(network, torch_generator(seed, "initial weights"))
    return network


def layers_of(weights: dict[str, Tensor]) -> Layers:
    """Of the weights of a `dense_network`."""
    pairs = [(weights[f"{2 * index}.weight"], weights[f"{2 * index}.bias"]) for index in range(len(weights) // 2)]
    return tuple((matrix.double().numpy().T.copy(), bias.double().numpy()) for matrix, bias in pairs)


def forward(layers: Layers, inputs: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    """What comes out of each layer, for inputs (N, in)."""
    outputs = []
    for index, (matrix, bias) in enumerate(layers, start=1):
        inputs = product(inputs, matrix) + bias
        if index < len(layers):
            inputs = np.maximum(inputs, 0)
        outputs.append(inputs)
    return outputs


def product(rows: NDArray[np.float64], matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """(N, in) @ (in, out), block by block, the last one padded."""
    num_rows = len(rows)
    num_blocks = -(-num_rows // BLOCK)
    if num_rows % BLOCK:
        rows = np.concatenate([rows, np.zeros((num_blocks * BLOCK - num_rows, rows.shape[1]))])
    product = np.matmul(rows.reshape(num_blocks, BLOCK, -1), matrix)
    return np.asarray(product.reshape(num_blocks * BLOCK, -1)[:num_rows])
