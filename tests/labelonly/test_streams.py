import numpy as np
import torch

from leakdrill.data.examples import Examples
from leakdrill.labelonly.streams import generators_of


def test_an_examples_stream_is_its_own_wherever_it_stands() -> None:
    inputs = np.random.default_rng(0).integers(0, 256, (5, 4, 4, 3), dtype=np.uint8)
    examples = Examples(inputs, np.arange(5))
    first = [torch.rand(3, generator=stream) for stream in generators_of(examples, 1)]
    turned = [torch.rand(3, generator=stream) for stream in generators_of(examples.take(np.arange(5)[::-1]), 1)]
    assert all(torch.equal(a, b) for a, b in zip(first, turned[::-1], strict=True))
    assert not torch.equal(first[0], first[1])
    other = torch.rand(3, generator=generators_of(examples, 2)[0])
    assert not torch.equal(first[0], other)
