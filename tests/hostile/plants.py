"""Mistakes that a referee could make, each of which gives members away without any model. None is in the product."""

import io
import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from collecting import Plan, Plant
from numpy.typing import NDArray
from PIL import Image, PngImagePlugin

from leakdrill.data.splits import Deal, Split
from leakdrill.datasets.remembered import Remembered
from leakdrill.referee.folds import Fold
from leakdrill.seeds import derive

COLD_SECONDS = 0.0003  # to read a file that is not in memory
BUSY_SECONDS = 0.01  # the same, where a machine is so busy that every process waits for longer than that
REMEMBERED_BYTES = 40_000  # about 250 digits


class Served:
    """A source whose files pass through `change(index, file)`, as they are read."""

    def __init__(self, source: Any, change: Callable[[int, bytes], bytes]) -> None:
        self.classes, self.labels, self.groups = source.classes, source.labels, source.groups
        self.attributes = source.attributes
        self._source, self._change = source, change

    def encoded(self, indices: Sequence[int]) -> Iterator[bytes]:
        for index, file in zip(indices, self._source.encoded(indices), strict=True):
            yield self._change(index, file)


def members_first() -> Plant:
    """Members and non-members are put together, and nobody shuffles."""
    return Plant(cards=lambda cards: _reordered(cards, np.argsort(~cards.is_member, kind="stable")))


def in_turns() -> Plant:
    """A member, a non-member, a member, and so on."""

    def order(is_member: NDArray[np.bool_]) -> NDArray[np.int64]:
        return np.stack([np.flatnonzero(is_member), np.flatnonzero(~is_member)], axis=1).ravel()

    return Plant(cards=lambda cards: _reordered(cards, order(cards.is_member)))


def a_file_time() -> Plant:
    """PNG files keep the date of the file that they were made from, and members were collected a year before."""

    def dated(is_member: bool, index: int, file: bytes) -> bytes:
        year, day = (2024 if is_member else 2025), 1 + index % 28
        times = PngImagePlugin.PngInfo()
        times.add(b"tIME", year.to_bytes(2, "big") + bytes([3, day, 12, 0, 0]))
        return _saved(file, "PNG", pnginfo=times)

    return Plant(cards=lambda cards: _by_membership(cards, dated))


def a_larger_jpeg() -> Plant:
    """Both are JPEG; the training set was saved with another quality."""

    def saved(is_member: bool, index: int, file: bytes) -> bytes:
        return _saved(file, "JPEG", quality=95 if is_member else 92)

    return Plant(cards=lambda cards: _by_membership(cards, saved))


def slow_members(cold_seconds: float = COLD_SECONDS) -> Plant:
    """Members are read from a slower disk, while the adversary waits."""

    def read(is_member: bool, index: int, file: bytes) -> bytes:
        time.sleep(cold_seconds * is_member)
        return file

    return Plant(cards=lambda cards: _by_membership(cards, read))


def the_scenarios_seed() -> Plant:
    """The split hangs on the seed that everyone who has the scenario knows."""
    return Plant(plan=lambda plan: replace(plan, split_key=str(plan.scenario.seed)))


def the_adversarys_own_seed() -> Plant:
    """The split hangs on a seed that the adversary is sent for its own draws."""
    return Plant(plan=lambda plan: replace(plan, split_key=str(derive(plan.scenario.seed, "adversary"))))


def a_key_in_the_runs_name() -> Plant:
    """The run's folder is called after its key: no mistake, as long as nobody is told the folder's name."""

    def named(plan: Plan) -> Plan:
        return replace(plan, run_name=f"run-{plan.split_key}")

    return Plant(plan=named)


def the_same_key_again() -> Plant:
    """The key is a constant, so the truth of an earlier drill is that of the next."""
    return Plant(plan=lambda plan: replace(plan, split_key="a constant"))


def a_shadow_pool_with_non_members() -> Plant:
    """A third of the shadow pool was drawn before the non-members were set aside."""

    def overlapping(cards: Deal) -> Deal:
        pool, challenge = cards.splits["shadow_train"], cards.splits["challenge"]
        non_members = np.flatnonzero(~cards.is_member)[: len(pool) // 3]
        places = random.Random(0).sample(range(len(pool)), len(non_members))
        indices, labels = pool.indices.copy(), pool.labels.copy()
        indices[places], labels[places] = challenge.indices[non_members], challenge.labels[non_members]
        return _with(cards, shadow_train=replace(pool, indices=indices, labels=labels))

    return Plant(cards=overlapping)


def too_large_to_remember() -> Plant:
    """No mistake: a data set of which only the first files to be read stay in memory. It must be at chance."""
    return Plant(cards=lambda cards: _forgetful(cards, COLD_SECONDS))


def members_in_memory(cold_seconds: float = COLD_SECONDS) -> Plant:
    """The same, after the training set was read and the rest of cbig's data was not remembered."""

    def read_before(cards: Deal) -> Deal:
        cards = _forgetful(cards, cold_seconds)
        cards.splits["source_train"].digest()
        return cards

    return Plant(cards=read_before)


def _forgetful(cards: Deal, cold_seconds: float) -> Deal:
    def cold(index: int, file: bytes) -> bytes:
        time.sleep(cold_seconds)
        return file

    sources = {id(split.source): split.source for split in cards.splits.values()}
    shelves = {key: Remembered(Served(source, cold), REMEMBERED_BYTES) for key, source in sources.items()}
    return _with(
        cards, **{name: replace(split, source=shelves[id(split.source)]) for name, split in cards.splits.items()}
    )


def _reordered(cards: Deal, order: NDArray[np.int64]) -> Deal:
    challenge = cards.splits["challenge"]
    moved = replace(challenge, indices=challenge.indices[order], labels=challenge.labels[order])
    return replace(_with(cards, challenge=moved), is_member=cards.is_member[order])


def _by_membership(cards: Deal, change: Callable[[bool, int, bytes], bytes]) -> Deal:
    """The challenge with every file changed according to whether it is a member's."""
    challenge = cards.splits["challenge"]
    members = set(challenge.indices[cards.is_member].tolist())
    source = Served(challenge.source, lambda index, file: change(index in members, index, file))
    return _with(cards, challenge=replace(challenge, source=source))


def _with(cards: Deal, **splits: Split) -> Deal:
    return replace(cards, splits=cards.splits | splits)


def _saved(file: bytes, kind: str, **options: Any) -> bytes:
    out = io.BytesIO()
    Image.open(io.BytesIO(file)).save(out, kind, **options)
    return out.getvalue()


def names_by_kind() -> Plant:
    """The names in a fold are not drawn afresh: those of its members come first."""

    def named(fold: Fold, is_member: NDArray[np.bool_]) -> Fold:
        challenge = fold.splits["challenge"]
        person = challenge.source.labels[challenge.indices]
        _, names = np.unique(np.where(is_member[fold.positions], -1 - person, person), return_inverse=True)
        return replace(fold, splits=fold.splits | {"challenge": replace(challenge, labels=names)})

    return Plant(folds=lambda folds, is_member: [named(fold, is_member) for fold in folds])


def what_another_fold_was_told() -> Plant:
    """The disk is not wiped between two folds: the labelled members of the one are with the other."""

    def left(fold: Fold, other: Fold) -> Fold:
        return replace(fold, splits=fold.splits | {"auxiliary": other.splits["labelled_members"]})

    return Plant(folds=lambda folds, is_member: [left(fold, folds[number - 1]) for number, fold in enumerate(folds)])
