"""Shadow training: a hundred frozen heads at a time against one by one, and networks against a bare training loop.

Heads: 100 heads of 100 classes on the same cached features with the same batches, in four ways: all together as one
batched product, one by one in the same code, one by one as `nn.Linear` with autograd and `torch.optim.SGD`, and our
choice, groups that fit the cache. `min_ratio` and `max_ratio` are, over feature widths and batch sizes, the time of the
better of "together" and "one by one" over the time of our choice (1 or more: never slower); `min_ratio_to_autograd` the
same for the loop that one would write. `max_accuracy_difference` is between any two ways, of the heads' mean accuracy
on held-out examples.

Networks: ResNet-8s from scratch by `train_shadow_networks`, against a plain loop (images converted beforehand, no
schedule, no checks). `scratch_ratio` is our images per second over the bare loop's, on one core, although ours includes
what each shadow then answers about its examples (0.9 or more is wanted).

Everything runs in this process on one thread. Ways take turns, and ratios are medians over rounds. Time is processor
time, which other work on the machine disturbs less than the clock.
"""

import argparse
import json
import statistics
import time

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn.functional import cross_entropy

from leakdrill.archs import ResNet8, build
from leakdrill.data.examples import Examples
from leakdrill.models.fit import Fit
from leakdrill.models.training import to_tensor
from leakdrill.seeds import derive
from leakdrill.shadows import (
    FromScratch,
    HeadFit,
    Heads,
    Shadows,
    draw_shadow_sets,
    shuffled_batches,
    train_heads,
    train_shadow_networks,
)

NUM_CLASSES = 100
NUM_SHADOWS = 100
SHADOW_SIZE = 1000
WIDTHS = (64, 128, 256, 512)
BATCH_SIZES = (16, 64, 128)
SEED = 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="of each comparison (default: %(default)s)")
    parser.add_argument("--steps", type=int, default=20, help="of head training (default: %(default)s)")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    print(json.dumps(compare_heads(arguments.rounds, arguments.steps) | compare_networks(arguments.rounds)))


# Heads


def compare_heads(rounds: int, steps: int) -> dict[str, float]:
    ways = {"together": together, "one by one": one_by_one, "autograd": with_autograd, "ours": ours}
    print(f"processor milliseconds for {NUM_SHADOWS} heads, {steps} steps")
    print("width  batch " + "".join(f"{way:>12}" for way in ways) + "  accuracy")
    ratios, to_autograd, differences = [], [], []
    for width in WIDTHS:
        task = HeadTask(width)
        for batch_size in BATCH_SIZES:
            seconds: dict[str, list[float]] = {way: [] for way in ways}
            accuracies = []
            for round_number in range(rounds):
                for way, train in ways.items():
                    start = time.process_time()
                    heads = train(task, HeadFit(batch_size=batch_size), steps)
                    seconds[way].append(time.process_time() - start)
                    if not round_number:
                        accuracies.append(task.accuracy(heads))
            took = {way: statistics.median(each) for way, each in seconds.items()}
            print(
                f"{width:>5} {batch_size:>6} "
                + "".join(f"{1000 * each:>12.0f}" for each in took.values())
                + f"{accuracies[-1]:>10.3f}"
            )
            ratios.append(min(median_ratio(seconds, "together"), median_ratio(seconds, "one by one")))
            to_autograd.append(median_ratio(seconds, "autograd"))
            differences.append(max(accuracies) - min(accuracies))
    return {
        "min_ratio": round(min(ratios), 3),
        "max_ratio": round(max(ratios), 3),
        "min_ratio_to_autograd": round(min(to_autograd), 3),
        "max_accuracy_difference": round(max(differences), 5),
    }


def median_ratio(seconds: dict[str, list[float]], way: str) -> float:
    """Of the way's time to ours in the same round: neighbours in time saw the same machine."""
    return statistics.median(other / own for other, own in zip(seconds[way], seconds["ours"], strict=True))


class HeadTask:
    """Features of a pool of clustered examples, shadow sets drawn from it, and what to test on."""

    def __init__(self, width: int) -> None:
        generator = np.random.default_rng(SEED)
        self.labels = generator.integers(0, NUM_CLASSES, 4 * SHADOW_SIZE)
        centres = generator.normal(size=(NUM_CLASSES, width))
        noisy = centres[self.labels] + 3 * generator.normal(size=(len(self.labels), width))
        self.features = torch.from_numpy(np.maximum(noisy, 0).astype(np.float32))
        pool = Examples(np.zeros((2 * SHADOW_SIZE, 1, 1, 3), np.uint8), self.labels[: 2 * SHADOW_SIZE])
        self.draws = draw_shadow_sets(pool, pool, NUM_SHADOWS, SHADOW_SIZE, SEED).train

    def train(self, fit: HeadFit, steps: int, at_once: int | None) -> Heads:
        labels = torch.from_numpy(self.labels)
        (heads,) = train_heads(self.features, labels, self.draws, NUM_CLASSES, fit, (steps,), SEED, at_once)
        return heads

    def accuracy(self, heads: Heads) -> float:
        held_out = np.tile(np.arange(3 * SHADOW_SIZE, 4 * SHADOW_SIZE), (NUM_SHADOWS, 1))
        return float((heads.scores(self.features, held_out).argmax(-1) == self.labels[held_out]).mean())


def together(task: HeadTask, fit: HeadFit, steps: int) -> Heads:
    return task.train(fit, steps, at_once=NUM_SHADOWS)


def one_by_one(task: HeadTask, fit: HeadFit, steps: int) -> Heads:
    return task.train(fit, steps, at_once=1)


def ours(task: HeadTask, fit: HeadFit, steps: int) -> Heads:
    return task.train(fit, steps, at_once=None)


def with_autograd(task: HeadTask, fit: HeadFit, steps: int) -> Heads:
    labels = torch.from_numpy(task.labels)
    initial = task.train(fit, 0, at_once=None)
    heads = [nn.Linear(task.features.shape[1], NUM_CLASSES) for _ in range(NUM_SHADOWS)]
    for shadow, head in enumerate(heads):
        head.load_state_dict({"weight": initial.weights[shadow], "bias": initial.biases[shadow]})
        optimiser = torch.optim.SGD(head.parameters(), fit.learning_rate, fit.momentum, weight_decay=fit.weight_decay)
        seed = derive(SEED, "batches", str(shadow))
        for batch in shuffled_batches(task.draws[shadow], fit.batch_size, steps, seed):
            optimiser.zero_grad()
            cross_entropy(head(task.features[batch]), labels[batch]).backward()
            optimiser.step()
    weights = torch.stack([head.weight.detach() for head in heads])
    return Heads(weights, torch.stack([head.bias.detach() for head in heads]))


# Networks

ARCH = ResNet8(width=16, stem_stride=2)
FIT = Fit(epochs=20)
NETWORK_SHADOW_SIZE = 500
NUM_NETWORKS = 2


def compare_networks(rounds: int) -> dict[str, float]:
    shadows, bare = [], []
    for _ in range(rounds):
        shadows.append(shadows_per_core())
        bare.append(bare_loop())
    print(f"networks, images/s: {statistics.median(shadows):.0f} as shadows, {statistics.median(bare):.0f} bare")
    ratios = [ours / alone for ours, alone in zip(shadows, bare, strict=True)]
    return {"scratch_ratio": round(statistics.median(ratios), 3)}


def shadows_per_core() -> float:
    """Images per second of processor time."""
    pool = random_examples(2 * NETWORK_SHADOW_SIZE)
    draws = draw_shadow_sets(pool, pool, NUM_NETWORKS, NETWORK_SHADOW_SIZE, SEED)
    task = Shadows(FromScratch(ARCH, NUM_CLASSES, FIT), pool, pool, draws, SEED)
    start = time.process_time()
    train_shadow_networks(task, 1, lambda fraction, message: None)
    return NUM_NETWORKS * NETWORK_SHADOW_SIZE * FIT.epochs / (time.process_time() - start)


def bare_loop() -> float:
    """Images per second of processor time."""
    examples = random_examples(NETWORK_SHADOW_SIZE)
    images, labels = to_tensor(examples.inputs), torch.from_numpy(examples.labels)
    model = build(ARCH, NUM_CLASSES)
    optimiser = torch.optim.SGD(model.parameters(), FIT.learning_rate, FIT.momentum, weight_decay=FIT.weight_decay)
    bfloat16 = bool(torch.cpu.get_capabilities().get("avx512_bf16"))
    model.train()

    def epoch() -> None:
        for batch in torch.randperm(len(labels)).split(FIT.batch_size):
            optimiser.zero_grad()
            with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
                logits = model(images[batch])
            cross_entropy(logits.float(), labels[batch]).backward()
            optimiser.step()

    epoch()  # warms up
    start = time.process_time()
    for _ in range(NUM_NETWORKS * FIT.epochs):
        epoch()
    return NUM_NETWORKS * FIT.epochs * len(labels) / (time.process_time() - start)


def random_examples(number: int) -> Examples:
    generator = np.random.default_rng(SEED)
    images: NDArray[np.uint8] = generator.integers(0, 256, (number, 32, 32, 3), dtype=np.uint8)
    return Examples(images, generator.integers(0, NUM_CLASSES, number))


if __name__ == "__main__":
    main()
