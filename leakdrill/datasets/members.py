"""An own model's data: one folder of what it was trained on, one of what it was not; class folders in both."""

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from leakdrill.datasets.image_folder import FileSource, class_files
from leakdrill.datasets.source import ExampleSource, open_image
from leakdrill.errors import InvalidInput, ScenarioError
from leakdrill.spec import Spec


class Members(Spec):
    """Two folders of class folders of images: members of an own model's training set, and others like them."""

    set: Literal["members"] = "members"
    members: Path = Field(description="class folders of the images that the model was trained on, or of some of them")
    non_members: Path = Field(description="the same classes, of images like these that it was not trained on")
    resize: bool = Field(False, description="take images of other sizes than image_size, and resize them")

    def open(self) -> ExampleSource:
        """Raises ScenarioError for a missing folder, other classes on the one side, and a file that is on both."""
        inside, outside = self._side("members"), self._side("non_members")
        classes = list(inside.classes)
        if inside.classes != outside.classes:
            odd = sorted(set(inside.classes) ^ set(outside.classes))
            raise ScenarioError(
                f"data.members has {len(inside.classes)} classes, data.non_members {len(outside.classes)}, and "
                f"{odd[0]!r} is in one only: both need images of every class that the model knows"
            )
        _check_apart(inside, outside)
        labels = np.concatenate([inside.labels, outside.labels])
        return TwoFolders(inside, outside, classes, labels, np.arange(len(labels)), {})

    def _side(self, key: str) -> FileSource:
        root: Path = getattr(self, key)
        if not root.is_dir():
            raise ScenarioError(f"data.{key}={root} is no folder: give the folder of class folders")
        try:
            files = {name: paths for name, paths in class_files(root).items() if paths}
        except ScenarioError as error:
            raise ScenarioError(str(error).replace("data.root", f"data.{key}")) from error
        if not files:
            raise ScenarioError(f"data.{key}={root} has no class folder with an image in it")
        return FileSource.of(root, files, {}, {})


@dataclass(frozen=True)
class TwoFolders:
    """Both folders' images, the members' first."""

    inside: FileSource
    outside: FileSource
    classes: list[str]
    labels: NDArray[np.int64]
    groups: NDArray[np.int64]
    attributes: dict[str, NDArray[np.int64]]

    @property
    def is_inside(self) -> NDArray[np.bool_]:
        """(N,): whether it is a member."""
        return np.arange(len(self.labels)) < len(self.inside.labels)

    def encoded(self, indices: Sequence[int]) -> Iterator[bytes]:
        num_inside = len(self.inside.labels)
        for index in indices:
            side, position = (self.inside, index) if index < num_inside else (self.outside, index - num_inside)
            yield from side.encoded([position])

    def path_of(self, index: int) -> Path:
        num_inside = len(self.inside.labels)
        return self.inside.path_of(index) if index < num_inside else self.outside.path_of(index - num_inside)

    def check_sizes(self, image_size: int) -> None:
        """Raises ScenarioError naming an image of another size, which a model that knew it would see changed."""
        for side in (self.inside, self.outside):
            for path, file in zip(side.paths, side.encoded(range(len(side.paths))), strict=True):
                try:
                    size = open_image(file).size
                except InvalidInput as error:
                    raise ScenarioError(f"{side.root / path}: {error}") from error
                if size != (image_size, image_size):
                    raise ScenarioError(
                        f"{side.root / path} has {size[0]} x {size[1]} pixels, wanted {image_size} x {image_size}: set "
                        "data.image_size, give the images as the model was trained on them, or set data.resize: true"
                    )


def _check_apart(inside: FileSource, outside: FileSource) -> None:
    by_digest: dict[int, dict[bytes, str]] = defaultdict(dict)  # by size first: most files need not be read
    sizes = {(outside.root / path).stat().st_size for path in outside.paths}
    for path in inside.paths:
        if (size := (inside.root / path).stat().st_size) in sizes:
            by_digest[size][_digest(inside.root / path)] = path
    for path in outside.paths:
        same = by_digest.get((outside.root / path).stat().st_size)
        if same and (twin := same.get(_digest(outside.root / path))):
            raise ScenarioError(
                f"{inside.root / twin} and {outside.root / path} are the same file: it is a member or it is not; "
                "remove one of them"
            )


def _digest(file: Path) -> bytes:
    return hashlib.sha256(file.read_bytes()).digest()
