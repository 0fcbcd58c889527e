"""Folders of images as a challenge and as the adversary's own examples, for an attack on a live endpoint.

Class folders are read as `image_folder` reads them. The i-th in sorted order is the model's class i, so every folder
has them all, and one may be empty.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from leakdrill.datasets.image_folder import FileSource, class_files
from leakdrill.errors import InvalidInput, NotFound
from leakdrill.seeds import numpy_generator

MEMBERS, NON_MEMBERS = "members", "non_members"
LEAST = 2  # of each kind: the model-free baseline learns from some members, and judges others


@dataclass(frozen=True)
class Challenge:
    """Image files by class; is_member (N,) bool in their order, or None where the folder does not tell."""

    files: FileSource
    is_member: NDArray[np.bool_] | None


def read_challenge(root: Path) -> Challenge:
    """`root` has class folders, or members/ and non_members/ with the same class folders each.

    Raises InvalidInput for anything between the two, and for fewer than two members or non-members.
    """
    names = _folders(root)
    kinds = [name for name in (MEMBERS, NON_MEMBERS) if name in names]
    if not kinds:
        return Challenge(_source(root, class_files(root)), None)
    if len(kinds) == 1 or len(names) > 2:
        raise InvalidInput(f"{root} has {names}: wanted class folders, or {MEMBERS} and {NON_MEMBERS} with them")
    by_kind = {kind: class_files(root / kind) for kind in kinds}
    check_classes({root / kind: list(files) for kind, files in by_kind.items()})
    for kind, of_kind in by_kind.items():
        if (count := sum(map(len, of_kind.values()))) < LEAST:
            raise InvalidInput(f"{root / kind} has {count} images, wanted {LEAST} or more of each kind")
    merged = {name: [f"{kind}/{path}" for kind in kinds for path in by_kind[kind][name]] for name in by_kind[MEMBERS]}
    files = _source(root, merged)
    return Challenge(files, np.array([path.startswith(f"{MEMBERS}/") for path in files.paths], bool))


def read_shadow(root: Path) -> FileSource:
    """The adversary's own examples. Raises InvalidInput when there are fewer than two, to halve."""
    _folders(root)
    source = _source(root, class_files(root))
    if len(source.paths) < LEAST:
        raise InvalidInput(f"{root} has {len(source.paths)} image, wanted {LEAST} or more")
    return source


def halves(shadow: FileSource, seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Indices for shadow_train and for shadow_test: half of every class each, at random."""
    order = numpy_generator(seed, "shadow halves").permutation(len(shadow.labels))
    by_class = order[np.argsort(shadow.labels[order], kind="stable")]
    return by_class[::2], by_class[1::2]


def check_classes(classes: Mapping[Path, list[str]]) -> None:
    """Raises InvalidInput, naming it, for a class folder that one of these folders has and another has not."""
    for root, names in classes.items():
        for other, wanted in classes.items():
            if missing := [name for name in wanted if name not in names]:
                raise InvalidInput(
                    f"{root} lacks {len(missing)} of the class folders of {other}: {missing[:3]}; make them, empty if "
                    "need be: the i-th in sorted order is the model's class i"
                )


def check_distinct(challenge: FileSource, shadow: FileSource | None) -> None:
    """Raises InvalidInput for a file that is in the challenge twice, or in both: the answer would be known."""
    seen: dict[bytes, Path] = {}
    for source in (challenge, shadow) if shadow else (challenge,):
        is_challenge = source is challenge
        for path, content in zip(source.paths, source.encoded(range(len(source.paths))), strict=True):
            digest = hashlib.sha256(content).digest()
            if digest in seen:
                raise InvalidInput(f"{source.root / path} is the same file as {seen[digest]}: remove one of them")
            if is_challenge:
                seen[digest] = source.root / path


def _folders(root: Path) -> list[str]:
    if not root.is_dir():
        raise NotFound(f"{root} is no folder: wanted one with a folder of images for each class")
    return sorted(path.name for path in root.iterdir() if path.is_dir())


def _source(root: Path, files: dict[str, list[str]]) -> FileSource:
    if not any(files.values()):
        raise InvalidInput(f"{root} has no images: wanted a folder with a folder of images for each class")
    return FileSource.of(root, files, {}, {})
