"""How fast this machine is at a scenario: real training steps, forward passes and image files, on one thread."""

import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch

from leakdrill.archs import build, fitting
from leakdrill.archs.own import Own
from leakdrill.archs.resnet_cifar import ResNet8
from leakdrill.data.examples import Examples
from leakdrill.data.forms import Form, ImageForm
from leakdrill.data.tasks import input_form
from leakdrill.errors import InvalidInput
from leakdrill.models.training import TILE, fit_model, predict
from leakdrill.scenario.schema import Scenario

PROBE_SECONDS = 0.2  # of each speed, at least


@dataclass(frozen=True)
class Speed:
    """Examples per second of one thread."""

    training: Mapping[int, float]  # forward-backward passes, by batch size
    forward: float
    dealing: float  # read or rendered, then decoded


def probe(scenario: Scenario, num_classes: int, batch_sizes: Collection[int]) -> Speed:
    """The speeds of the scenario's source model and examples in this process. Half a second for each."""
    source = scenario.data.dataset.open()
    fit, form = scenario.cbig.source_model.fit, input_form(source, scenario.data)
    arch = scenario.cbig.source_model.arch
    stand_in = ResNet8() if isinstance(arch, Own) else arch  # which cbig alone builds
    model = build(fitting(stand_in, form), num_classes)

    def train(batch_size: int, count: int) -> None:
        once = fit.model_copy(update={"epochs": 1, "batch_size": max(2, min(batch_size, count))})
        fit_model(model, _noise(count, form, num_classes), once, seed=0)

    def deal(count: int) -> None:
        for file in source.encoded([index % len(source.labels) for index in range(count)]):
            with suppress(InvalidInput):  # a damaged image is for whoever is dealt it to refuse, by name
                form.decode(file)

    with _one_thread():
        return Speed(
            training={batch_size: _rate(partial(train, batch_size), 8) for batch_size in batch_sizes},
            forward=_rate(lambda count: predict(model, _noise(count, form, num_classes).inputs), TILE),
            dealing=_rate(deal, 8),
        )


def _rate(work: Callable[[int], object], count: int) -> float:
    """Units of work per second, after a first `count` to warm up, by doubling it until it takes PROBE_SECONDS."""
    work(count)
    while True:
        start = time.perf_counter()
        work(count)
        seconds = time.perf_counter() - start
        if seconds >= PROBE_SECONDS:
            return count / seconds
        count *= 2


def _noise(count: int, form: Form, num_classes: int) -> Examples:
    generator = np.random.default_rng(0)
    inputs = generator.integers(0, 256 if isinstance(form, ImageForm) else 2, (count, *form.shape)).astype(form.dtype)
    return Examples(inputs, generator.integers(0, num_classes, count))


@contextmanager
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
