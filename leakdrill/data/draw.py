"""The draw of one class's examples into splits: at random, by exact counts, near-duplicates together.

Each near-duplicate group goes whole to a split drawn with a probability in proportion to the room left in it, the
largest groups first so that they still find room. What nobody gets is a split like any other. Without near-duplicates
this is a random permutation cut into pieces.

Nothing tells two splits of the same size apart, so they are exchangeable, exactly: whatever is in one would have been
as likely to be in the other. (Filling the splits one after the other would not do: a large group finds no room near
the end of a split and goes to the next, so a later split has more of them, and that alone would give members away.)
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from leakdrill.datasets.source import ExampleSource

ATTEMPTS = 50  # groups that fill the splits to the last place may fit in one order and not in another


def examples_by_class(source: ExampleSource) -> list[NDArray[np.int64]]:
    """Indices by label, without examples whose near-duplicates are mostly in another class.

    A group that spans classes stays with the class that has most of it (the first of equals); the others lose theirs.
    """
    num_classes = len(source.classes)
    _, group = np.unique(source.groups, return_inverse=True)
    pairs, pair, sizes = np.unique(group * num_classes + source.labels, return_inverse=True, return_counts=True)
    best = np.lexsort((pairs, -sizes, pairs // num_classes))
    _, first = np.unique(pairs[best] // num_classes, return_index=True)
    at_home = np.isin(pair, best[first])
    by_label = np.argsort(source.labels, kind="stable")
    by_label = by_label[at_home[by_label]]
    return np.split(by_label, np.searchsorted(source.labels[by_label], np.arange(1, num_classes)))


def draw_class(
    indices: NDArray[np.int64], groups: NDArray[np.int64], counts: Mapping[str, int], generator: np.random.Generator
) -> dict[str, NDArray[np.int64]] | None:
    """Exactly `counts[split]` of `indices` (N,) for each split, or None when `groups` (N,) stand in the way.

    Needs sum(counts) <= N. Examples left over are nobody's, and the only ones that may share a group with a split's.
    """
    for _ in range(ATTEMPTS):
        shuffled = generator.permutation(len(indices))
        pieces = _attempt(groups[shuffled], np.array([*counts.values()]), generator)
        if pieces is not None:
            return {split: indices[shuffled[piece]] for split, piece in zip(counts, pieces, strict=True)}
    return None


def _attempt(
    groups: NDArray[np.int64], counts: NDArray[np.int64], generator: np.random.Generator
) -> list[NDArray[np.int64]] | None:
    """Positions in `groups` (N,), which is in random order, for each of the splits."""
    _, group, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    room = np.append(counts, len(groups) - counts.sum())  # the last is nobody's
    pieces: list[list[NDArray[np.int64]]] = [[] for _ in room]
    shared = generator.permutation(np.flatnonzero(sizes > 1))
    for number in shared[np.argsort(-sizes[shared], kind="stable")]:
        chances = _chances(room, sizes[number])
        if not chances.any():
            return None
        split = generator.choice(len(room), p=chances / chances.sum())
        fitting = np.flatnonzero(group == number)[: room[split]]
        pieces[split].append(fitting)
        room[-1] -= sizes[number] - len(fitting)
        room[split] -= len(fitting)
    alone = np.flatnonzero(sizes[group] == 1)  # as many as there is room left
    for piece, more in zip(pieces, np.split(alone, np.cumsum(room)[:-1]), strict=True):
        piece.append(more)
    return [np.concatenate(piece) for piece in pieces[:-1]]


def _chances(room: NDArray[np.int64], size: int) -> NDArray[np.int64]:
    """Of each split to get a group of `size`: its room if the group fits.

    A group that fits nowhere goes to a split that it fills, if what is left of it can be spared: nobody gets that.
    """
    fits = np.where(room >= size, room, 0)
    if fits.any():
        return fits
    filled = np.where(size - room <= room[-1], room, 0)
    filled[-1] = 0
    return filled
