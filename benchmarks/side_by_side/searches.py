"""Both attacks on one problem, what they found and took, and their distances compared."""

import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.side_by_side.problem import BATCH_SIZE, NUM_CLASSES, Images, PredictLabel, Problem
from leakdrill.labelonly.hopskipjump import SEARCHED, hop_skip_jump
from leakdrill.labelonly.space import Space

ROUNDS = 10  # of ART and Foolbox: about 2,400 queries per image


def art_is_there() -> bool:
    try:
        import art.attacks  # noqa: F401
    except ImportError:
        print("ART is not installed (see --help): nothing to compare with")
        return False
    return True


def foolbox_is_there() -> bool:
    try:
        import foolbox  # noqa: F401
    except ImportError:
        print("Foolbox is not installed (see --help): not compared with")
        return False
    return True


@dataclass
class Counted:
    """A predictor, with the questions, the examples and the seconds that it took."""

    predict_label: PredictLabel
    num_calls: int = 0
    num_examples: int = 0
    seconds: float = 0.0

    def __call__(self, images: Images) -> NDArray[np.generic]:
        start = time.perf_counter()
        labels = self.predict_label(images)
        self.seconds += time.perf_counter() - start
        self.num_calls += 1
        self.num_examples += len(images)
        return labels


@dataclass(frozen=True)
class Attacked:
    """What one attack found and took."""

    distances: NDArray[np.float64]
    seconds_per_image: float
    queries_per_image: float
    calls_per_image: float
    overhead_us_per_query: float


def show(name: str, attacked: Attacked) -> None:
    print(
        f"{name:>10}: median L2 {np.median(attacked.distances):.4f}, {attacked.queries_per_image:.0f} queries and "
        f"{attacked.calls_per_image:.1f} calls per image, {attacked.seconds_per_image:.3f} s per image"
    )


def attack_by_us(predict_label: PredictLabel, problem: Problem, budget: int, space: Space) -> Attacked:
    """On the grid of 8-bit images where that is all that can be asked about."""
    scale = np.float32(space.high)
    asked = Counted(lambda points: predict_label(points / scale if scale != 1 else points))
    generators = [torch.Generator().manual_seed(number) for number in range(len(problem.labels))]
    start = time.perf_counter()
    found = hop_skip_jump(
        asked, problem.images * scale, problem.labels, problem.starts[:, np.newaxis] * scale, budget, space, generators
    )
    seconds = time.perf_counter() - start
    assert (found.outcomes == SEARCHED).all()
    assert found.queries.max() <= budget
    return attacked(found.distances / space.high, seconds, asked)


def attack_by_art(predict_label: PredictLabel, problem: Problem) -> Attacked:
    """From an explicit start and a seeded global generator: ART is deterministic only so."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from art.attacks.evasion import HopSkipJump
        from art.estimators.classification import BlackBoxClassifier

        asked = Counted(predict_label)

        def one_hot(images: NDArray[Any]) -> NDArray[np.float32]:
            labels = asked(images.astype(np.float32))  # on NumPy 2 some of ART's arrays become float64
            return np.eye(NUM_CLASSES, dtype=np.float32)[labels.astype(np.int64)]

        classifier = BlackBoxClassifier(one_hot, problem.images.shape[1:], NUM_CLASSES, clip_values=(0, 1))
        art = HopSkipJump(classifier, batch_size=BATCH_SIZE, max_iter=ROUNDS, init_eval=100, verbose=False)
        np.random.seed(0)
        start = time.perf_counter()
        points = art.generate(problem.images, x_adv_init=problem.starts)
        seconds = time.perf_counter() - start
    return attacked(projected_distances(predict_label, problem, points), seconds, asked)


def attack_by_foolbox(predict_label: PredictLabel, problem: Problem) -> Attacked:
    """Image by image: of a batch, it would share one step length among all."""
    import foolbox
    from foolbox.attacks import HopSkipJumpAttack

    asked = Counted(predict_label)

    def logits(images: torch.Tensor) -> torch.Tensor:
        labels = asked(images.numpy())
        return torch.eye(NUM_CLASSES)[torch.from_numpy(labels.astype(np.int64))]

    model = foolbox.PyTorchModel(_Callable(logits), bounds=(0, 1), device="cpu")
    search = HopSkipJumpAttack(steps=ROUNDS)
    torch.manual_seed(0)
    start = time.perf_counter()
    points = [
        search.run(model, image[None], label[None], starting_points=begun[None])
        for image, label, begun in zip(
            torch.from_numpy(problem.images),
            torch.from_numpy(problem.labels),
            torch.from_numpy(problem.starts),
            strict=True,
        )
    ]
    seconds = time.perf_counter() - start
    found = torch.cat(points).numpy()
    return attacked(projected_distances(predict_label, problem, found), seconds, asked)


class _Callable(torch.nn.Module):
    """What Foolbox takes for a network."""

    def __init__(self, logits: Callable[[torch.Tensor], torch.Tensor]) -> None:
        super().__init__()
        self._logits = logits
        self.eval()

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self._logits(images)


def attacked(distances: NDArray[np.float64], seconds: float, asked: Counted) -> Attacked:
    count = len(distances)
    overhead = (seconds - asked.seconds) / asked.num_examples * 1e6
    return Attacked(distances, seconds / count, asked.num_examples / count, asked.num_calls / count, overhead)


def projected_distances(predict_label: PredictLabel, problem: Problem, points: Images) -> NDArray[np.float64]:
    """Of the points where the lines from the images to `points` cross the boundary, by bisection."""
    lines = (points - problem.images).astype(np.float32)
    low, high = np.zeros(len(points)), np.ones(len(points))
    for _ in range(16):
        middle = (low + high) / 2
        shares = middle.astype(np.float32)[:, np.newaxis, np.newaxis, np.newaxis]
        crossed = np.asarray(predict_label(problem.images + shares * lines) != problem.labels)
        low, high = np.where(crossed, low, middle), np.where(crossed, middle, high)
    distances: NDArray[np.float64] = high * np.linalg.norm(lines.reshape(len(lines), -1), axis=1)
    return distances


def compare(ours: NDArray[np.float64], theirs: NDArray[np.float64]) -> float:
    """The upper end of the 95 % interval of median over median, images being resampled in pairs."""
    rows = np.random.default_rng(0).integers(0, len(ours), (4000, len(ours)))
    ratios = np.median(ours[rows], axis=1) / np.median(theirs[rows], axis=1)
    low, high = np.quantile(ratios, [0.025, 0.975])
    print(f"ratio of medians {np.median(ours) / np.median(theirs):.4f}, 95 % from {low:.4f} to {high:.4f}")
    # distances differ tenfold between images, so the medians' ratio needs many; image by image a few dozen tell more
    logarithms = np.log(ours / theirs)
    low_mean, high_mean = np.quantile(np.exp(logarithms[rows].mean(axis=1)), [0.025, 0.975])
    print(f"image by image {np.exp(logarithms.mean()):.4f} (geometric mean), {low_mean:.4f} to {high_mean:.4f}")
    return float(high)
