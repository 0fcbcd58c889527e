"""Any folder of class folders of images, as torchvision's ImageFolder reads it: VGGFace2, ImageNet, CIFAR as files.

The conventions are torchvision's: class folders in sorted order, files of every depth below them, sorted, by extension.
Unlike there, a class folder without an image is left out rather than refused, and a link that leads out of the folder,
or to a part of it that is there already, is refused rather than followed.
"""

import csv
import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from leakdrill.datasets.source import ExampleSource, open_image
from leakdrill.errors import InvalidInput, ScenarioError
from leakdrill.spec import Spec

EXTENSIONS = (".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp")
MAX_FILE_BYTES = 32 << 20
MAX_CSV_BYTES = 1 << 30


class Selection(Spec):
    """Which of the files under `root` are the data set."""

    root: Path = Field(description="the folder; ~ is understood")
    min_per_class: int = Field(1, ge=1, description="classes with fewer images are left out")
    classes: int | None = Field(
        None, ge=1, description="the first so many of those left, in sorted order; default: all"
    )
    per_class: int | None = Field(None, ge=1, description="the first so many images of each class; default: all")


class ImageFolder(Selection):
    """Folders of images, one per class, in torchvision's ImageFolder layout."""

    set: Literal["image_folder"]
    groups: Path | None = Field(
        None,
        description="CSV file,group: near-duplicates; file is relative to root. Default: ROOT-groups.csv, if there",
    )
    attributes: Path | None = Field(None, description="CSV identity,<attribute>,...: integers known of each class")

    def open(self) -> ExampleSource:
        """Raises ScenarioError when a file or folder is missing or the selection leaves nothing."""
        root = self.root.expanduser()
        files = select(class_files(root), self)
        beside = root.with_name(f"{root.name}-groups.csv")
        listed = self.groups.expanduser() if self.groups else beside if beside.exists() else None
        groups = read_groups(listed) if listed else {}
        if groups and not groups.keys() & {path for paths in files.values() for path in paths}:
            raise ScenarioError(
                f"data.groups={listed} names no image of {root}: its column 'file' is relative to data.root, "
                f"as in {next(iter(files.values()))[0]!r}, got {next(iter(groups))!r}"
            )
        attributes = read_attributes(self.attributes.expanduser(), list(files)) if self.attributes else {}
        return FileSource.of(root, files, groups, attributes)


@dataclass(frozen=True)
class FileSource:
    """Image files by class. `paths` (N,) are relative to `root`, with forward slashes."""

    root: Path
    paths: list[str]
    classes: list[str]
    labels: NDArray[np.int64]
    groups: NDArray[np.int64]
    attributes: dict[str, NDArray[np.int64]]

    @classmethod
    def of(
        cls, root: Path, files: dict[str, list[str]], groups: dict[str, str], attributes: dict[str, NDArray[np.int64]]
    ) -> "FileSource":
        """Files by class name, and the group's name of each file that has one."""
        paths = [path for of_class in files.values() for path in of_class]
        labels = np.repeat(np.arange(len(files)), [len(of_class) for of_class in files.values()])
        numbers: dict[tuple[str, str], int] = {}
        named = [("group", groups[path]) if path in groups else ("file", path) for path in paths]
        group_of = np.array([numbers.setdefault(name, len(numbers)) for name in named], np.int64)
        return cls(root, paths, list(files), labels.astype(np.int64), group_of, attributes)

    def encoded(self, indices: Sequence[int]) -> Iterator[bytes]:
        real_root = os.path.realpath(self.root)  # once: of all the work on a small file, resolving links is the most
        for index in indices:
            yield _read_image(real_root, self.path_of(index))

    def path_of(self, index: int) -> Path:
        return self.root / self.paths[index]


def class_files(root: Path) -> dict[str, list[str]]:
    """Every class folder's image files, relative to `root`, all sorted. Raises ScenarioError without a folder."""
    try:
        with os.scandir(root) as entries:
            names = sorted(entry.name for entry in entries if entry.is_dir())
    except OSError as error:
        raise ScenarioError(
            f"data.root={root}: {error.strerror}; give the folder of class folders with --set data.root=DIR"
        ) from error
    seen: set[str] = set()
    return {name: [f"{name}/{path}" for path in _images_below(root, root / name, seen)] for name in names}


def select(files: dict[str, list[str]], selection: Selection) -> dict[str, list[str]]:
    """The classes and files that `selection` keeps. Raises ScenarioError when there are fewer classes than asked."""
    least, wanted = selection.min_per_class, selection.classes
    kept = [name for name, of_class in files.items() if len(of_class) >= least]
    if len(kept) < (wanted or 1):
        raise ScenarioError(
            f"data.classes asks for {wanted or 'at least 1'}, but {len(kept)} of the {len(files)} class folders in "
            f"data.root={selection.root} have data.min_per_class={least} images: lower either, or --set data.root=DIR"
        )
    return {name: files[name][: selection.per_class] for name in kept[:wanted]}


def read_groups(path: Path) -> dict[str, str]:
    """The name of each listed file's group. Files that are not listed have no near-duplicates."""
    return {row["file"]: row["group"] for row in _rows(path, "data.groups", ["file", "group"])}


def read_attributes(path: Path, classes: Sequence[str]) -> dict[str, NDArray[np.int64]]:
    """The integer columns beside `identity`, (len(classes),) each; -1 for a class that is not listed."""
    rows = {row["identity"]: row for row in _rows(path, "data.attributes", ["identity"])}
    names = [name for name in next(iter(rows.values()), {}) if name != "identity"]
    try:
        values = [[int(rows[label][name]) if label in rows else -1 for label in classes] for name in names]
    except (TypeError, ValueError) as error:
        raise ScenarioError(f"data.attributes={path}: every attribute must be an integer: {error}") from error
    return {name: np.array(column, np.int64) for name, column in zip(names, values, strict=True)}


def _rows(path: Path, key: str, columns: Sequence[str]) -> list[dict[str, str]]:
    try:
        if path.exists() and not (
            path.is_file() and path.stat().st_size <= MAX_CSV_BYTES
        ):  # a device or a pipe would never end
            raise ScenarioError(
                f"{key}={path} is not a readable CSV file: wanted one of {MAX_CSV_BYTES >> 20} MiB at most"
            )
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            rows = list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ScenarioError(f"{key}={path} is not a readable CSV file: {error}") from error
    if missing := [column for column in columns if column not in (reader.fieldnames or [])]:
        raise ScenarioError(f"{key}={path}: the first line must name the columns {columns}, {missing} missing")
    return rows


def _images_below(root: Path, folder: Path, seen: set[str]) -> Iterator[str]:
    """Paths relative to `folder`, in torchvision's order: folder by folder, sorted. Adds the folders to `seen`."""
    for where, _, names in sorted(_walk(root, folder, seen)):
        within = Path(where).relative_to(folder)
        yield from ((within / name).as_posix() for name in sorted(names) if name.lower().endswith(EXTENSIONS))


def _walk(root: Path, folder: Path, seen: set[str]) -> Iterator[tuple[str, list[str], list[str]]]:
    """As os.walk, through links. Raises ScenarioError for one that leaves `root`, or leads where we have been."""
    real_root = os.path.realpath(root)
    for where, folders, names in os.walk(folder, followlinks=True):
        if not _is_below(real_root, where):
            raise ScenarioError(
                f"{where} leads out of data.root={root}, to {os.path.realpath(where)}: copy what it holds"
            )
        if (real := os.path.realpath(where)) in seen:
            raise ScenarioError(f"{where} leads to {real}, which data.root={root} holds already: remove the link")
        seen.add(real)
        yield where, folders, names


def _is_below(real_root: str, path: str | Path) -> bool:
    return f"{os.path.realpath(path)}{os.sep}".startswith(f"{real_root.rstrip(os.sep)}{os.sep}")


def _read_image(real_root: str, path: Path) -> bytes:
    """The file's bytes. Its header is checked here, where the file still has a name; a party sees only a number."""
    try:
        if not _is_below(real_root, path):
            raise InvalidInput(
                f"{path} leads out of data.root={real_root}, to {os.path.realpath(path)}: put the file there itself"
            )
        if not stat.S_ISREG(path.stat().st_mode):  # opening a pipe could take for ever
            raise InvalidInput(f"{path} is no file")
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            content = file.read(size) if size <= MAX_FILE_BYTES else b""
    except OSError as error:
        raise InvalidInput(f"{path}: {error.strerror}") from error
    if size > MAX_FILE_BYTES:
        raise InvalidInput(f"{path} is larger than {MAX_FILE_BYTES >> 20} MiB, the limit for one image")
    try:
        open_image(content)
    except InvalidInput as error:
        raise InvalidInput(f"{path}: {error}") from error
    return content
