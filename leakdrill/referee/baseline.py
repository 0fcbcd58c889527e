"""The model-free baseline: can members be told from non-members by the raw inputs, without asking any model?

It must not: whatever it finds is a difference that the deal made, and an attack's success would prove nothing. A
logistic regression on principal components of the pixels, or of the columns of a table, is scored like an attack.

Its scores come from *forward* validation: fold k is scored by a classifier fitted on folds 0 to k - 1 only, and fold 0
by none. Ordinary cross-validation is unsound here. Pooled over folds, its AUC is biased below one half when nothing is
to be found (what one fold has more of, the others have less of), and every pair of folds teaches each other, which
doubles the variance: measured on 400 exchangeable examples, its 95 % interval covers 0.5 in 33 to 80 of 100 data sets;
with folds balanced in every class and scores ranked within their fold the bias is gone, and it covers in 81. Forward,
each fold is fresh to the classifier that scores it, and the interval covers in 95.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh

from leakdrill.data.examples import Inputs
from leakdrill.errors import InvalidInput
from leakdrill.metrics import Judged, attack_result
from leakdrill.results import AttackResult
from leakdrill.seeds import derive, numpy_generator

SEED = derive("leakdrill", "baseline")
NUM_FOLDS = 10
NUM_COMPONENTS = 50
_SIDE = 16  # pixels; what a camera or a renderer does differently shows at this size, or in the local statistics
_BLOCK = 1024  # images held as floats at once
_NOTHING = 1e-6  # a grey level is 4e-3


@dataclass(frozen=True)
class Baseline:
    """`judged` is about the examples of the challenge at positions `examined` (all but the first fold)."""

    judged: Judged
    examined: NDArray[np.int64]
    result: AttackResult


def judge_baseline(
    inputs: Inputs,
    labels: NDArray[np.int64],
    is_member: NDArray[np.bool_],
    groups: NDArray[np.int64] | None = None,
    seed: int = SEED,
) -> Baseline:
    """Judge the raw `inputs` of the challenge, images or rows; `groups` (N,) of near-duplicates stay in one fold.

    Raises InvalidInput for fewer than two members or non-members.
    """
    groups = np.arange(len(labels)) if groups is None else groups
    return _judge(
        lambda: features(inputs), labels, is_member, _deal_folds(labels, is_member, groups, seed), _kind(inputs)
    )


def judge_identities(
    inputs: Inputs, labels: NDArray[np.int64], is_member: NDArray[np.bool_], seed: int = SEED
) -> Baseline:
    """Judge whole classes of the challenge, by the mean and the spread of what their raw inputs show.

    Each class is one sample and in one fold, else a classifier would know the person again. `examined` are positions in
    the sorted labels. Raises InvalidInput for fewer than two classes of members or of non-members.
    """
    classes, first, index = np.unique(labels, return_index=True, return_inverse=True)
    share = np.eye(len(classes))[index] / np.bincount(index)[index, None]  # (N, C)

    def of_classes() -> NDArray[np.float64]:
        of_photos = features(inputs)
        means = share.T @ of_photos
        spreads = np.sqrt(share.T @ (of_photos - means[index]) ** 2)
        return np.concatenate([_standardised(means), _standardised(spreads)], axis=1)

    nobody = np.zeros(len(classes), np.int64)  # folds are balanced over all, not within a class
    folds = _deal_folds(nobody, is_member[first], np.arange(len(classes)), seed)
    return _judge(of_classes, classes, is_member[first], folds, _kind(inputs), "identity")


def _judge(
    look: Callable[[], NDArray[np.float64]],
    labels: NDArray[np.int64],
    is_member: NDArray[np.bool_],
    folds: NDArray[np.int64],
    kind: str,
    unit: Literal["example", "identity"] = "example",
) -> Baseline:
    start = time.monotonic()
    scores, decisions = _score_forward(look(), is_member, folds)
    examined = np.flatnonzero(folds > 0)
    judged = Judged(scores[None], decisions[None], is_member, labels).take(examined)
    result = attack_result(
        judged,
        name="baseline",
        kind="baseline",
        goal="membership" if unit == "example" else "identity",
        on=f"the raw {kind}",
        queries={},
        notes={"folds": int(folds.max()) + 1, "not_scored": int((folds == 0).sum())},
        seconds=time.monotonic() - start,
    )
    return Baseline(judged, examined, result.model_copy(update={"unit": unit}))


def _kind(inputs: Inputs) -> str:
    return "rows" if inputs.ndim == 2 else "images"


def features(inputs: Inputs) -> NDArray[np.float64]:
    """What the classifier sees, (N, D): whitened components, and statistics of each example as a whole."""
    return _of_rows(inputs) if inputs.ndim == 2 else _of_images(inputs)


def _of_rows(rows: NDArray[np.float32]) -> NDArray[np.float64]:
    """Components of the columns, all on one scale; mean and spread of each row, which tell how full it is."""
    columns = _standardised(rows.astype(np.float64))
    whole = np.stack([columns.mean(axis=1), columns.std(axis=1)], axis=1)
    return np.concatenate([_standardised(_components(columns)), _standardised(whole)], axis=1)


def _of_images(images: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Components of the downscaled image, and statistics of its texture."""
    blocks = [_raw_features(images[start : start + _BLOCK]) for start in range(0, len(images), _BLOCK)]
    pixels, texture = (np.concatenate(part).astype(np.float64) for part in zip(*blocks, strict=True))
    return np.concatenate([_standardised(_components(pixels)), _standardised(texture)], axis=1)


def _components(pixels: NDArray[np.float64]) -> NDArray[np.float64]:
    """The first principal components (N, at most NUM_COMPONENTS); scikit-learn's divide by 0 if no image differs."""
    centred = pixels - pixels.mean(axis=0)
    num = centred.shape[1]
    wanted = (max(0, num - NUM_COMPONENTS), num - 1)  # by rising variance; all of Texas-100's would take minutes
    _, directions = eigh(centred.T @ centred, subset_by_index=wanted)
    components: NDArray[np.float64] = centred @ directions
    return components


def _standardised(columns: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean 0 and deviation 1; all 0 where the images are the same but for rounding."""
    spread = columns.std(axis=0)
    varies = spread > _NOTHING
    standardised: NDArray[np.float64] = (columns - columns.mean(axis=0)) * varies / np.where(varies, spread, 1)
    return standardised


def _raw_features(images: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Pixels of the small image (N, side * side * 3); mean, contrast and roughness of each channel (N, 12)."""
    full = images.astype(np.float32) / np.float32(255)
    small = _shrink(_shrink(full, axis=1), axis=2)
    roughness = [np.abs(np.diff(full, axis=axis)).mean(axis=(1, 2)) for axis in (1, 2)]
    texture = [full.mean(axis=(1, 2)), full.std(axis=(1, 2)), *roughness]
    return small.reshape(len(images), -1), np.concatenate(texture, axis=1)


def _shrink(images: NDArray[np.float32], axis: int) -> NDArray[np.float32]:
    """Average runs of pixels along one axis, down to at most _SIDE of them."""
    size = images.shape[axis]
    edges = np.linspace(0, size, min(size, _SIDE) + 1).astype(np.int64)
    lengths = np.diff(edges).astype(np.float32).reshape([-1 if i == axis else 1 for i in range(images.ndim)])
    return np.asarray(np.add.reduceat(images, edges[:-1], axis=axis) / lengths, dtype=np.float32)


def _deal_folds(
    labels: NDArray[np.int64], is_member: NDArray[np.bool_], groups: NDArray[np.int64], seed: int
) -> NDArray[np.int64]:
    """A fold (N,) for each example: as many members as non-members of every class in every fold, groups kept whole."""
    num_pairs = int(min(is_member.sum(), (~is_member).sum()))
    if num_pairs < 2:
        raise InvalidInput(f"a challenge with {num_pairs} of one kind: the baseline needs two members and non-members")
    num_folds = min(NUM_FOLDS, num_pairs)
    generator = numpy_generator(seed, "folds")
    folds = np.empty(len(labels), np.int64)
    first = 0  # the next class goes on where this one ends, so that folds are of one size
    for label in np.unique(labels):
        for kind in (True, False):
            own = np.flatnonzero((labels == label) & (is_member == kind))
            _, group = np.unique(groups[own], return_inverse=True)
            folds[own] = (first + generator.permutation(group.max(initial=0) + 1)[group]) % num_folds
        first += int(((labels == label) & is_member).sum())
    return folds


def _score_forward(
    inputs: NDArray[np.float64], is_member: NDArray[np.bool_], folds: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Scores (N,), ranks within the fold in (0, 1), and decisions (N,), by classifiers of the earlier folds."""
    from scipy.stats import rankdata  # here, both: they take a second, and a drill plays long before it is judged
    from sklearn.linear_model import LogisticRegression

    scores, decisions = np.full(len(folds), 0.5), np.zeros(len(folds), bool)
    for fold in range(1, int(folds.max()) + 1):
        now, before = np.flatnonzero(folds == fold), folds < fold
        classifier = LogisticRegression(C=0.1, max_iter=1000)
        evidence = classifier.fit(inputs[before], is_member[before]).decision_function(inputs[now])
        scores[now] = (rankdata(evidence) - 0.5) / len(now)
        decisions[now] = evidence > 0
    return scores, decisions
