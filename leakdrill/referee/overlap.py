"""What the sides of a deal share although they should not: names of people, files, and images that look the same.

The deal keeps listed near-duplicates of one data set together, and whole people where whole people are in or out. It
cannot know that csmall's other data set has the same people, or that nobody listed a copy. So this looks at what was
dealt, and says what it finds in the results. Shared names are no fault where photos are in or out, or where two
data sets number their classes; shared images always are. Where whole people are in or out, one whose name is on both
sides is refused before anything is trained.

Images look the same whose signs of horizontal differences, at 16 x 16 grey pixels (a "difference hash"), differ in at
most 8 of 256: a copy that was scaled or saved anew, not another photo of the same person.
"""

import hashlib
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from leakdrill.data.forms import ImageForm
from leakdrill.data.splits import Deal, Split
from leakdrill.datasets.source import open_image
from leakdrill.errors import ScenarioError
from leakdrill.results import Overlap

SIDE = 16  # pixels
MAX_DIFFERENT = 8  # of SIDE * SIDE signs
MAX_COMPARED = 20_000  # images of one side; the comparison is of all pairs
_BLOCK = 256

SIDES = {
    "teacher": ("source_train", "source_validation", "source_public", "unseen"),
    "student": ("target_train", "target_test"),
    "auxiliary": ("shadow_train", "shadow_test", "teacher_train"),
}
NON_MEMBERS = "non_members"  # of the challenge


@dataclass(frozen=True)
class _Side:
    names: set[str]
    files: set[bytes]  # digests
    hashes: NDArray[np.uint64] | None  # (N, 4); None: not compared


def check_people(deal: Deal) -> None:
    """Raise ScenarioError where whole people are in or out, and a non-member has the name of one of cbig's."""
    if "outsiders" not in deal.splits:
        return
    inside = set[str]().union(*(_names(deal.splits[name]) for name in SIDES["teacher"] if name in deal.splits))
    if shared := sorted(inside & _names(deal.splits["outsiders"])):
        raise ScenarioError(
            f"{len(shared)} people are members and non-members by name, such as {shared[0]!r}: give different people "
            "different names, without regard to small and capital letters, and one person's photos a single folder"
        )


def overlaps(deal: Deal) -> list[Overlap]:
    """For each two sides that are not empty, what they share."""
    challenge = deal.splits["challenge"]
    others = _part(challenge, ~deal.is_member)
    parts = {NON_MEMBERS: [others]}
    for side, names in SIDES.items():
        held = {name: deal.splits[name] for name in names if name in deal.splits}
        # the challenge's non-members are of this split, but a side of their own
        parts[side] = [
            _without(split, others) if name == f"{deal.members_of}_test" else split for name, split in held.items()
        ]
    sides = {side: _look(own) for side, own in parts.items() if sum(map(len, own))}
    return [_compare((first, sides[first]), (second, sides[second])) for first, second in combinations(sides, 2)]


def _part(split: Split, chosen: NDArray[np.bool_]) -> Split:
    return Split(split.source, split.indices[chosen], split.labels[chosen], split.form)


def _without(split: Split, others: Split) -> Split:
    return _part(split, ~np.isin(split.indices, others.indices))


def _look(splits: list[Split]) -> _Side:
    names, files, hashes = set[str](), set[bytes](), []
    can_compare = sum(map(len, splits)) <= MAX_COMPARED
    for split in splits:
        names |= _names(split)
        has_pixels = isinstance(split.form, ImageForm) and min(split.form.shape[:2]) >= SIDE
        can_compare = can_compare and has_pixels
        for file, _ in split.encoded():
            files.add(hashlib.sha256(file).digest())
            if can_compare:
                hashes.append(difference_hash(file))
    return _Side(names, files, np.stack(hashes) if can_compare else None)


def _names(split: Split) -> set[str]:
    return {split.source.classes[label].casefold() for label in np.unique(split.source.labels[split.indices])}


def difference_hash(file: bytes) -> NDArray[np.uint64]:
    """256 signs as (4,) uint64."""
    grey = open_image(file).convert("L").resize((SIDE + 1, SIDE), Image.Resampling.BOX)
    signs = np.diff(np.asarray(grey, np.int16), axis=1) > 0
    return np.packbits(signs.ravel()).view(np.uint64)


def _compare(first: tuple[str, _Side], second: tuple[str, _Side]) -> Overlap:
    (name, one), (other_name, other) = first, second
    looking_alike = None
    if one.hashes is not None and other.hashes is not None:
        looking_alike = sum(
            int((_distances(one.hashes[start : start + _BLOCK], other.hashes) <= MAX_DIFFERENT).any(axis=1).sum())
            for start in range(0, len(one.hashes), _BLOCK)
        )
    return Overlap(
        sides=(name, other_name),
        shared_names=len(one.names & other.names),
        same_files=len(one.files & other.files),
        near_duplicates=looking_alike,
    )


def _distances(some: NDArray[np.uint64], others: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Signs (N, M) that differ."""
    differing: NDArray[np.int64] = sum(
        np.bitwise_count(some[:, None, word] ^ others[None, :, word]).astype(np.int64) for word in range(some.shape[1])
    )
    return differing
