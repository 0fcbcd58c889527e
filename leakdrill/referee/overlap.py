"""What the sides of a deal share although they should not: names of people, files, and images that look the same.

The deal keeps listed near-duplicates of one data set together, and whole people where whole people are in or out. Of
another data set it leaves out what cbig's has. It cannot know that nobody listed a copy within one set. So this looks
at what was dealt, and says what it finds in the results. Shared names are no fault where photos are in or out; shared
images always are. Where whole people are in or out, a name that two of them have is refused before anything is
trained, whatever sides this split key puts them on: that a drill begins must say nothing of the key. What looks the
same is leakdrill.data.duplicates's to say.
"""

import hashlib
from collections import Counter
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from leakdrill.data.duplicates import Hashes, hashes_of, is_comparable, look_alike, plain_name
from leakdrill.data.splits import Deal, Split
from leakdrill.errors import ScenarioError
from leakdrill.results import Overlap

SIDES = {
    "teacher": ("source_train", "source_validation", "source_public", "unseen"),
    "student": ("target_train", "target_test"),
    "auxiliary": ("shadow_train", "shadow_test", "teacher_train", "auxiliary_faces"),
}
NON_MEMBERS = "non_members"  # of the challenge


@dataclass(frozen=True)
class _Side:
    names: set[str]
    files: set[bytes]  # digests
    hashes: Hashes | None  # None: not compared


def check_people(deal: Deal) -> None:
    """Raise ScenarioError where whole people are in or out, and two of the data set, or of two sides, have one name."""
    if "outsiders" not in deal.splits:
        return
    everybody = Counter(map(plain_name, deal.splits["outsiders"].source.classes))
    if twice := sorted(name for name, count in everybody.items() if count > 1):
        raise _namesakes(len(twice), "are two classes", twice[0])
    apart = {"members": teacher(deal), "non-members": [deal.splits["outsiders"]]}
    apart["csmall's"] = [deal.splits[name] for name in SIDES["student"] if name in deal.splits]
    apart["the adversary's auxiliary faces"] = [split] if (split := deal.splits.get("auxiliary_faces")) else []
    names = {side: set[str]().union(*map(names_of, splits)) for side, splits in apart.items()}
    for side, other in combinations(names, 2):
        if shared := sorted(names[side] & names[other]):
            raise _namesakes(len(shared), f"are {side} and {other}", shared[0])


def _namesakes(num: int, are: str, name: str) -> ScenarioError:
    return ScenarioError(
        f"{num} people {are} by name, such as {name!r}: give different people different names, without regard to "
        "capitals and punctuation, and one person's photos a single folder"
    )


def overlaps(deal: Deal, verified: Split | None = None) -> list[Overlap]:
    """For each two sides that are not empty, what they share. `verified`: photos that verification was tried on."""
    challenge = deal.splits["challenge"]
    others = _part(challenge, ~deal.is_member)
    parts = {NON_MEMBERS: [others]}
    for side, names in SIDES.items():
        held = {name: deal.splits[name] for name in names if name in deal.splits}
        # the challenge's non-members are of this split, but a side of their own
        parts[side] = [
            _without(split, others) if name == f"{deal.members_of}_test" else split for name, split in held.items()
        ]
    parts["verification_pairs"] = [verified] if verified else []
    sides = {side: _look(own) for side, own in parts.items() if sum(map(len, own))}
    return [_compare((first, sides[first]), (second, sides[second])) for first, second in combinations(sides, 2)]


def teacher(deal: Deal) -> list[Split]:
    """What cbig's model was trained or chosen on, and other photos of the same people."""
    return [deal.splits[name] for name in SIDES["teacher"] if name in deal.splits]


def _part(split: Split, chosen: NDArray[np.bool_]) -> Split:
    return Split(split.source, split.indices[chosen], split.labels[chosen], split.form)


def _without(split: Split, others: Split) -> Split:
    return _part(split, ~np.isin(split.indices, others.indices))


def _look(splits: list[Split]) -> _Side:
    names = set[str]().union(*map(names_of, splits))
    files = {hashlib.sha256(file).digest() for split in splits for file, _ in split.encoded()}
    can_compare = all(is_comparable(split.form, sum(map(len, splits))) for split in splits)
    return _Side(
        names, files, hashes_of(file for split in splits for file, _ in split.encoded()) if can_compare else None
    )


def names_of(split: Split) -> set[str]:
    """Of classes, as leakdrill.data.duplicates.plain_name has them."""
    return {plain_name(split.source.classes[label]) for label in np.unique(split.source.labels[split.indices])}


def _compare(first: tuple[str, _Side], second: tuple[str, _Side]) -> Overlap:
    (name, one), (other_name, other) = first, second
    looking_alike = None
    if one.hashes is not None and other.hashes is not None:
        looking_alike = int(look_alike(one.hashes, other.hashes).sum())
    return Overlap(
        sides=(name, other_name),
        shared_names=len(one.names & other.names),
        same_files=len(one.files & other.files),
        near_duplicates=looking_alike,
    )
