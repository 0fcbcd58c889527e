"""How often a label survives random noise, which on a linear classifier tells the distance to its boundary exactly.

There the share of copies x + N(0, sigma^2 I) that keep their label is Phi(distance / sigma) (Ford et al. 2019). The
bits of a table are flipped instead (Choquette-Choo et al. 2021, section 3.4).
"""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from leakdrill.labelonly.columns import Columns
from leakdrill.labelonly.hopskipjump import PredictLabel
from leakdrill.labelonly.space import Floats, Space

MAX_BATCH_BYTES = 64 << 20  # of one question

#: Adds noise, in place, to copies (n, ...) of one example, of that example's own randomness.
Noise = Callable[[Floats, torch.Generator], None]


def gaussian(deviation: float, space: Space) -> Noise:
    """On every value; then copies are clipped to the space and rounded to its grid."""

    def add(copies: Floats, generator: torch.Generator) -> None:
        copies += torch.empty(copies.shape).normal_(0, deviation, generator=generator).numpy()
        space.round(space.clip(copies))

    return add


def on_rows(deviation: float, flipped: float, columns: Columns) -> Noise:
    """Bits are flipped with the probability `flipped`; other columns get Gaussian noise, in shares of their range."""
    bits, others = np.flatnonzero(columns.is_binary), np.flatnonzero(~columns.is_binary)
    deviations = (deviation * columns.span[others]).astype(np.float32)

    def add(copies: Floats, generator: torch.Generator) -> None:
        flips = torch.empty(len(copies), len(bits)).bernoulli_(flipped, generator=generator).numpy()
        copies[:, bits] = np.abs(copies[:, bits] - flips)
        copies[:, others] += deviations * torch.empty(len(copies), len(others)).normal_(generator=generator).numpy()

    return add


def kept(
    predict_label: PredictLabel,
    inputs: Floats,
    labels: NDArray[np.int64],
    noise: Noise,
    num_copies: int,
    generators: Sequence[torch.Generator],
) -> NDArray[np.bool_]:
    """(N, num_copies): which noisy copies of each input (N, ...), in the order they are drawn, keep its label (N,).

    generators: one per example.
    """
    bytes_of_copies = 4 * num_copies * inputs[0].size if len(inputs) else 1
    at_once = max(1, MAX_BATCH_BYTES // bytes_of_copies)
    keep_label = np.empty((len(inputs), num_copies), np.bool_)
    for start in range(0, len(inputs), at_once):
        part = slice(start, start + at_once)
        copies = np.repeat(inputs[part, np.newaxis], num_copies, axis=1)  # (n, copies, ...)
        for of_one, generator in zip(copies, generators[part], strict=True):
            noise(of_one, generator)
        answers = np.asarray(predict_label(copies.reshape(-1, *inputs.shape[1:]))).reshape(-1, num_copies)
        keep_label[part] = answers == labels[part, np.newaxis]
    return keep_label
