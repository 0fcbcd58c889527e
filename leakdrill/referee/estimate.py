"""How long a drill will take: measured speeds on this machine, times what the scenario asks for.

Speeds come from a probe of a second or two: real training steps, forward passes and image files of the scenario, on one
thread. What is not probed is a constant, and named as assumed.
"""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch

from leakdrill.archs import build
from leakdrill.attacks.base import Attack
from leakdrill.datasets.source import ImageSource
from leakdrill.examples import Examples
from leakdrill.scenario import AttackStep, PlainStep, Scenario
from leakdrill.store import decode
from leakdrill.training import TILE, fit_model, predict

PROBE_SECONDS = 0.3  # of each speed, at least
START_SECONDS = 8.0  # assumed: three processes import torch and meet
JUDGE_SECONDS = 2.0  # assumed: intervals and the baseline on raw images
ATTACK_SECONDS = 3.0  # assumed: fitting the attack model, and shadow heads, of one repeat


@dataclass(frozen=True)
class Speed:
    """Images per second of one thread."""

    training: float  # forward-backward passes
    forward: float
    dealing: float  # read or rendered, then decoded


@dataclass(frozen=True)
class Estimate:
    """Seconds by part of the drill, in the order it is played."""

    parts: dict[str, float]

    @property
    def seconds(self) -> float:
        return sum(self.parts.values())

    def __str__(self) -> str:
        parts = ", ".join(f"{name} {_duration(seconds)}" for name, seconds in self.parts.items())
        return f"about {_duration(self.seconds)}: {parts}"


def estimate(scenario: Scenario) -> Estimate:
    """Probes this machine, then `estimate_seconds`. Raises what opening the data set raises."""
    source = scenario.data.dataset.open()
    num_classes = len(source.classes) - (0 if scenario.data.target.dataset else scenario.data.target.classes)
    return estimate_seconds(scenario, num_classes, probe(scenario, source, num_classes), os.cpu_count() or 1)


def estimate_seconds(scenario: Scenario, num_source_classes: int, speed: Speed, num_cores: int) -> Estimate:
    """The estimate for these speeds. Models that are in a cache already are not counted on."""
    data, splits = scenario.data, scenario.data.splits
    num_dealt = num_source_classes * sum(splits.model_dump().values()) + data.target.classes * (
        data.target.train + data.target.test
    )
    parts = {"start": START_SECONDS, "dealing": num_dealt / speed.dealing}
    for step in scenario.timeline:
        match step:
            case PlainStep(step="train_source"):
                epochs = scenario.cbig.source_model.fit.epochs
                training = epochs * num_source_classes * splits.source_train / speed.training
                parts["source model"] = (
                    training + epochs * num_source_classes * splits.source_validation / speed.forward
                )
            case PlainStep(step="adapt"):
                parts["target model"] = _adapt_seconds(scenario, speed)
            case AttackStep(attack=attack):
                num_workers = min(scenario.adversary.workers or num_cores, num_cores)
                once = _attack_seconds(attack, scenario, num_source_classes, speed, num_workers)
                parts[f"attack {attack.name or attack.kind}"] = scenario.repeats * once
    return Estimate(parts | {"judging": JUDGE_SECONDS})


def probe(scenario: Scenario, source: ImageSource, num_classes: int) -> Speed:
    """How fast this machine is at the scenario's source model and images, in this process, on one thread."""
    fit, size = scenario.cbig.source_model.fit, scenario.data.image_size
    model = build(scenario.cbig.source_model.arch, num_classes)

    def train(count: int) -> None:
        once = fit.model_copy(update={"epochs": 1, "batch_size": max(2, min(fit.batch_size, count))})
        fit_model(model, _noise(count, size, num_classes), once, seed=0)

    def deal(count: int) -> None:
        for file in source.encoded([index % len(source.labels) for index in range(count)]):
            decode(file, size)

    with _one_thread():
        return Speed(
            training=_rate(train, 8),
            forward=_rate(lambda count: predict(model, _noise(count, size, num_classes).inputs), TILE),
            dealing=_rate(deal, 8),
        )


def _adapt_seconds(scenario: Scenario, speed: Speed) -> float:
    """Frozen features are computed once; fine-tuning passes through the whole network in every epoch."""
    num_examples = scenario.data.target.classes * scenario.data.target.train
    if scenario.csmall.target_model.transfer == "freeze":
        return num_examples / speed.forward
    return scenario.csmall.target_model.fit.epochs * num_examples / speed.training


def _attack_seconds(
    attack: Attack, scenario: Scenario, num_source_classes: int, speed: Speed, num_workers: int
) -> float:
    """One repeat: shadow training, and every shadow and challenge example once through a network."""
    splits, challenge = scenario.data.splits, scenario.data.challenge
    per_class = 2 * (challenge.per_class or min(splits.source_train, splits.source_test))
    num_asked = num_source_classes * (splits.shadow_train + splits.shadow_test + per_class)
    training = attack.training_passes(num_source_classes * splits.source_train) / (speed.training * num_workers)
    return training + num_asked / speed.forward + ATTACK_SECONDS


def _rate(work: Callable[[int], object], count: int) -> float:
    """Units of work per second, by doubling `count` until it takes PROBE_SECONDS. Each size is warmed up first."""
    while True:
        work(count)
        start = time.perf_counter()
        work(count)
        seconds = time.perf_counter() - start
        if seconds >= PROBE_SECONDS:
            return count / seconds
        count *= 2


def _noise(count: int, size: int, num_classes: int) -> Examples:
    generator = np.random.default_rng(0)
    inputs = generator.integers(0, 256, (count, size, size, 3), np.uint8)
    return Examples(inputs, generator.integers(0, num_classes, count))


@contextmanager
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _duration(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"
