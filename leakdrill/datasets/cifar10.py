"""CIFAR-10 as a folder of images, converted once, outside any party.

Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009. The *binary* version is read, and only that:
the Python version's batches are pickles, as torchvision's CIFAR10 reads them, and nothing a user supplies is unpickled.
A record of the binary version is one byte of label and 3,072 bytes of pixels: red, green and blue planes of 32x32.
"""

import shutil
import tarfile
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from leakdrill.errors import InvalidInput

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
BATCHES = {"train": [f"data_batch_{number}.bin" for number in range(1, 6)], "test": ["test_batch.bin"]}
RECORD_BYTES = 1 + 3 * 32 * 32
MAX_BATCH_BYTES = 10_000 * RECORD_BYTES
WANTED = (
    "wanted the 'CIFAR-10 binary version (suitable for C programs)', cifar-10-binary.tar.gz or the folder "
    "cifar-10-batches-bin; the Python version is made of pickles, which are not read"
)


def convert_cifar10(archive_or_dir: Path, out: Path) -> int:
    """Write `out`/{train,test}/CLASS/00001.png, two ImageFolder trees, and return the number of images.

    `out` must not exist yet, and appears only when it is complete. Raises InvalidInput for anything but CIFAR-10's
    binary version.
    """
    if out.exists():
        raise InvalidInput(f"{out} exists already: name a new folder, or remove it")
    out.parent.mkdir(parents=True, exist_ok=True)
    with _batches(archive_or_dir) as folder, tempfile.TemporaryDirectory(prefix=".cifar10-", dir=out.parent) as part:
        unfinished = Path(part) / out.name
        count = sum(_write_split(folder, names, unfinished / split) for split, names in BATCHES.items())
        unfinished.rename(out)
    return count


@contextmanager
def _batches(archive_or_dir: Path) -> Iterator[Path]:
    """The folder that the batches are in: the one given, or a temporary one with the archive's."""
    if archive_or_dir.is_dir():
        inner = archive_or_dir / "cifar-10-batches-bin"
        yield inner if inner.is_dir() else archive_or_dir
        return
    with tempfile.TemporaryDirectory() as folder:
        _extract(archive_or_dir, Path(folder))
        yield Path(folder)


def _extract(archive: Path, folder: Path) -> None:
    """Copy the batches, and nothing else, out of `archive` by their bare names: no path in it is followed."""
    wanted = {name for names in BATCHES.values() for name in names}
    try:
        with tarfile.open(archive) as tar:
            for member in tar:
                name = Path(member.name).name
                if name not in wanted or not member.isreg() or member.size > MAX_BATCH_BYTES:
                    continue
                content = tar.extractfile(member)
                if content:
                    with content, (folder / name).open("wb") as file:
                        shutil.copyfileobj(content, file)
    except (OSError, EOFError, zlib.error, tarfile.TarError) as error:
        raise InvalidInput(f"{archive} is not a readable archive ({error}): {WANTED}") from error


def _write_split(folder: Path, names: list[str], out: Path) -> int:
    counts = dict.fromkeys(CLASSES, 0)
    for name in CLASSES:
        (out / name).mkdir(parents=True)
    for batch in names:
        labels, images = _read_batch(folder / batch)
        for label, image in zip(labels, images, strict=True):
            name = CLASSES[label]
            counts[name] += 1
            Image.fromarray(image).save(out / name / f"{counts[name]:05d}.png")
    return sum(counts.values())


def _read_batch(path: Path) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Labels (N,) and images (N, 32, 32, 3)."""
    if not path.is_file():
        raise InvalidInput(f"no {path.name}: {WANTED}")
    content = np.fromfile(path, np.uint8)
    if not content.size or content.size % RECORD_BYTES:
        raise InvalidInput(f"{path.name} has {content.size} bytes, no whole number of {RECORD_BYTES}: {WANTED}")
    records = content.reshape(-1, RECORD_BYTES)
    labels, planes = records[:, 0], records[:, 1:].reshape(-1, 3, 32, 32)
    if labels.max() >= len(CLASSES):
        raise InvalidInput(f"{path.name} has the label {labels.max()}, wanted 0 to {len(CLASSES) - 1}: {WANTED}")
    return labels, np.ascontiguousarray(planes.transpose(0, 2, 3, 1))
