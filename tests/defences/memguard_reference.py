"""MemGuard as its authors wrote it: one row at a time, gradients by automatic differentiation, in float64.

A port of defense_framework.py and evaluate_nn_attack.py (github.com/jinyuan-jia/MemGuard) from TensorFlow, step by
step, with their constants and without their files. The tests and benchmarks/memguard.py hold leakdrill's batched one
to it.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import relu

from leakdrill.defences.membership import MembershipNetwork

MAX_ITERATION = 300


def phase_one(network: nn.Sequential, logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """The noisy scores (N, C) of logits (N, C), sorted ascending. `network`: float64, ascending scores to log-odds."""
    return np.stack([_one(network, torch.from_numpy(row.copy())).numpy() for row in logits])


def phase_two(
    network: nn.Sequential, original: NDArray[np.float64], noisy: NDArray[np.float64], epsilon: float
) -> NDArray[np.float64]:
    """The probability (N,) of answering with the noise."""
    probabilities = []
    for row, other in zip(original, noisy, strict=True):
        before, after = (float(_predict(network, torch.from_numpy(np.sort(each)))) for each in (row, other))
        distance = np.abs(row - other).sum()
        probabilities.append(0.0 if abs(before - 0.5) <= abs(after - 0.5) else min(epsilon / distance, 1.0))
    return np.array(probabilities)


def as_torch(network: MembershipNetwork) -> nn.Sequential:
    """The same network, for the port."""
    module = nn.Sequential()
    for matrix, bias in network.layers:
        linear = nn.Linear(*matrix.shape).double()
        linear.load_state_dict({"weight": torch.from_numpy(matrix.T.copy()), "bias": torch.from_numpy(bias.copy())})
        module.extend([linear, nn.ReLU()])
    return module[:-1]


def _predict(network: nn.Sequential, scores: Tensor) -> Tensor:
    with torch.no_grad():
        return torch.sigmoid(network(scores))[0]


def _one(network: nn.Sequential, origin_logits: Tensor) -> Tensor:
    origin = origin_logits.softmax(0)
    top = int(origin_logits.argmax())
    initial = _predict(network, origin)
    result = origin
    if abs(initial - 0.5) <= 1e-5:
        return result
    c3 = 0.1
    while True:
        sample, predicted, label, j = origin_logits.clone(), initial, -1, 1
        while j < MAX_ITERATION and (label != top or (predicted - 0.5) * (initial - 0.5) > 0):
            gradient = _gradient(network, sample, origin, top, c3)
            sample = sample - 0.1 * gradient / torch.linalg.norm(gradient)
            predicted = _predict(network, sample.softmax(0))
            label = int(sample.argmax())
            j += 1
        if label != top or (predicted - 0.5) * (initial - 0.5) > 0:
            return result
        result = sample.softmax(0)
        c3 *= 10
        if c3 > 100000:
            return result


def _gradient(network: nn.Sequential, sample: Tensor, origin: Tensor, top: int, c3: float) -> Tensor:
    variable = sample.clone().requires_grad_()
    scores = variable.softmax(0)
    mask = torch.zeros_like(origin)
    mask[top] = 1
    correct = (mask * variable).sum()
    wrong = ((1 - mask) * variable - 1e8 * mask).max()
    loss = network(scores)[0].abs() + 10 * relu(wrong - correct) + c3 * (scores - origin).abs().sum()
    (gradient,) = torch.autograd.grad(loss, variable)
    return gradient
