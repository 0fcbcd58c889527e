"""LFW's protocol for face verification: 6,000 pairs of photos in ten folds, which share no person.

Huang et al., "Labeled Faces in the Wild", 2007, "View 2"; its file pairs.txt. FaceLeaks finds its threshold on them
(section 3.3).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import Field

from leakdrill.datasets.image_folder import FileSource
from leakdrill.datasets.lfw import image_folder
from leakdrill.datasets.source import ExampleSource
from leakdrill.errors import ScenarioError
from leakdrill.models.verification import Pairs
from leakdrill.spec import Spec

MAX_FILE_BYTES = 16 << 20


@dataclass(frozen=True)
class PhotoPairs:
    """Photos, each of them once, and pairs of them by their place there."""

    photos: ExampleSource
    pairs: Pairs


class LfwPairs(Spec):
    """Pairs of photos from LFW in torchvision's layout; `root` holds lfw-py, or is it."""

    set: Literal["lfw"] = "lfw"
    root: Path
    file: str = Field("pairs.txt", description="beside the image folder")

    def open(self) -> PhotoPairs:
        """Raises ScenarioError when the file is not in LFW's form, or names a photo that is not there."""
        folder = image_folder(self.root.expanduser())
        lines = list(_pairs(_lines(folder.parent / self.file), folder.parent / self.file))
        photos = sorted({photo for first, second, _ in lines for photo in (first, second)})
        if missing := [photo for photo in photos if not (folder / photo).is_file()]:
            raise ScenarioError(
                f"{folder.parent / self.file} names {len(missing)} photos that are not in {folder}, {missing[0]} the "
                "first of them: set data.verification_pairs.root to the folder that holds lfw-py"
            )
        number = {photo: index for index, photo in enumerate(photos)}
        first, second, folds = (
            np.array(column, np.int64)
            for column in zip(*((number[one], number[other], fold) for one, other, fold in lines), strict=True)
        )
        of_person: dict[str, list[str]] = {}
        for photo in photos:  # sorted, so those of one person follow one another
            of_person.setdefault(photo.partition("/")[0], []).append(photo)
        source = FileSource.of(folder, of_person, {}, {})
        return PhotoPairs(source, Pairs(first, second, source.labels[first] == source.labels[second], folds))


def _lines(path: Path) -> list[list[str]]:
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise ScenarioError(f"{path} is larger than {MAX_FILE_BYTES >> 20} MiB, wanted LFW's pairs.txt")
        return [line.split() for line in path.read_text("utf-8").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise ScenarioError(f"data.verification_pairs: {path} cannot be read: {error}") from error


def _pairs(lines: list[list[str]], path: Path) -> Iterator[tuple[str, str, int]]:
    """The photos of each pair, and its fold: first so many pairs of one person, then as many of two."""
    wanted = f"wanted the numbers of folds and of pairs of either sort in each, then these pairs, in {path}"
    if not lines or len(lines[0]) != 2 or not all(word.isdecimal() for word in lines[0]):
        raise ScenarioError(f"the first line is {' '.join(lines[0] if lines else [])[:80]!r}, {wanted}")
    num_folds, of_each = map(int, lines[0])
    if num_folds < 2 or len(lines) != 1 + 2 * num_folds * of_each:
        raise ScenarioError(f"{num_folds} folds of 2 x {of_each} pairs, and {len(lines) - 1} lines of pairs, {wanted}")
    for number, words in enumerate(lines[1:]):
        is_same = number % (2 * of_each) < of_each
        if len(words) != (3 if is_same else 4) or not (words[1].isdecimal() and words[-1].isdecimal()):
            raise ScenarioError(f"line {number + 2} is {' '.join(words)[:80]!r}, {wanted}")
        other = words[0] if is_same else words[2]
        yield _photo(words[0], words[1]), _photo(other, words[-1]), number // (2 * of_each)


def _photo(name: str, number: str) -> str:
    return f"{name}/{name}_{int(number):04d}.jpg"
