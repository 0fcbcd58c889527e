import io
import os
import pickle
import tarfile
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from leakdrill.datasets.cifar10 import BATCHES, CLASSES, RECORD_BYTES, convert_cifar10
from leakdrill.datasets.image_folder import ImageFolder
from leakdrill.errors import InvalidInput

NAMES = [name for names in BATCHES.values() for name in names]


def records(seed: int, count: int = 20) -> NDArray[np.uint8]:
    made = np.random.default_rng(seed).integers(0, 256, (count, RECORD_BYTES), np.uint8)
    made[:, 0] = np.arange(count) % 10
    return made


@pytest.fixture
def batches(tmp_path: Path) -> Path:
    folder = tmp_path / "cifar-10-batches-bin"
    folder.mkdir()
    for seed, name in enumerate(NAMES):
        (folder / name).write_bytes(records(seed).tobytes())
    return folder


def pack(archive: Path, files: dict[str, bytes]) -> Path:
    with tarfile.open(archive, "w:gz") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return archive


def test_every_record_becomes_its_pixels_under_its_class(batches: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert convert_cifar10(batches, out) == 120
    train = ImageFolder(set="image_folder", root=out / "train").open()
    assert train.classes == list(CLASSES)
    assert np.bincount(train.labels).tolist() == [10] * 10  # two in each of five batches
    planes = records(1)[13, 1:].reshape(3, 32, 32)  # the second batch's second cat
    image = np.asarray(Image.open(out / "train" / "cat" / "00004.png"))
    assert np.array_equal(image, planes.transpose(1, 2, 0))
    assert len(list((out / "test").rglob("*.png"))) == 20


def test_the_archive_gives_what_its_folder_gives(batches: Path, tmp_path: Path) -> None:
    archive = pack(
        tmp_path / "a.tar.gz", {f"cifar-10-batches-bin/{name}": (batches / name).read_bytes() for name in NAMES}
    )
    outs = [tmp_path / name for name in ("archive", "folder", "parent")]
    for source, out in zip((archive, batches, batches.parent), outs, strict=True):
        convert_cifar10(source, out)
    contents = [{path.relative_to(out): path.read_bytes() for path in out.rglob("*.png")} for out in outs]
    assert contents[0] == contents[1] == contents[2]


def test_the_python_version_is_refused_unread_with_the_archive_to_get(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return os.mkdir, (str(tmp_path / "sprung"),)

    python = tmp_path / "cifar-10-batches-py"
    python.mkdir()
    for name in ("data_batch_1", "test_batch", "batches.meta"):
        (python / name).write_bytes(pickle.dumps(Trap()))
    archive = pack(
        tmp_path / "p.tar.gz", {f"{python.name}/{path.name}": path.read_bytes() for path in python.iterdir()}
    )
    for source in (python, archive):
        with pytest.raises(InvalidInput, match=r"CIFAR-10 binary version \(suitable for C programs\).*pickles"):
            convert_cifar10(source, tmp_path / "out")
    assert not (tmp_path / "sprung").exists()
    assert not (tmp_path / "out").exists()


def test_a_failed_conversion_leaves_nothing_behind(batches: Path, tmp_path: Path) -> None:
    (batches / "data_batch_3.bin").write_bytes(records(2).tobytes()[:-1])
    out = tmp_path / "new" / "out"
    with pytest.raises(InvalidInput, match=r"data_batch_3\.bin has 61459 bytes, no whole number of 3073"):
        convert_cifar10(batches, out)
    assert list(out.parent.iterdir()) == []


@pytest.mark.parametrize("content", [b"", b"no archive", b"\x1f\x8b\x08\x00" + bytes(20)])
def test_a_file_that_is_no_archive_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "archive").write_bytes(content)
    with pytest.raises(InvalidInput, match="not a readable archive"):
        convert_cifar10(tmp_path / "archive", tmp_path / "out")
    with pytest.raises(InvalidInput, match="not a readable archive"):
        convert_cifar10(tmp_path / "nowhere", tmp_path / "out")


def test_a_label_beyond_the_ten_classes_is_refused(batches: Path, tmp_path: Path) -> None:
    content = records(0)
    content[7, 0] = 10
    (batches / "test_batch.bin").write_bytes(content.tobytes())
    with pytest.raises(InvalidInput, match=r"test_batch\.bin has the label 10, wanted 0 to 9"):
        convert_cifar10(batches, tmp_path / "out")


def test_an_existing_folder_is_not_touched(batches: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    with pytest.raises(InvalidInput, match="exists already"):
        convert_cifar10(batches, tmp_path / "out")


def test_an_archive_cannot_write_outside(batches: Path, tmp_path: Path) -> None:
    evil = {f"../../{tmp_path.name}/{name}": (batches / name).read_bytes() for name in NAMES}
    archive = pack(tmp_path / "evil.tar.gz", evil | {str(tmp_path / "absolute.bin"): b"x"})
    convert_cifar10(archive, tmp_path / "out")
    assert {path.name for path in tmp_path.iterdir()} == {batches.name, "evil.tar.gz", "out"}
