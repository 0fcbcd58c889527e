import io
from pathlib import Path

import pytest
from PIL import Image

from leakdrill.datasets.lfw import Lfw
from leakdrill.errors import ScenarioError

PHOTOS = {"Aaron_Eckhart": 1, "George_W_Bush": 4, "Serena_Williams": 3}


@pytest.fixture
def parent(tmp_path: Path) -> Path:
    file = io.BytesIO()
    Image.new("RGB", (2, 2)).save(file, "JPEG")
    for name, count in PHOTOS.items():
        folder = tmp_path / "lfw-py" / "lfw-deepfunneled" / name
        folder.mkdir(parents=True)
        for number in range(1, count + 1):
            (folder / f"{name}_{number:04d}.jpg").write_bytes(file.getvalue())
    (tmp_path / "lfw-py" / "gender.csv").write_text("identity,male\nGeorge_W_Bush,1\nSerena_Williams,0\n")
    (tmp_path / "lfw-py" / "pairs.txt").write_text("10 300\n")
    return tmp_path


@pytest.mark.parametrize("below", ["", "lfw-py", "lfw-py/lfw-deepfunneled"])
def test_the_root_may_be_any_of_the_three_folders(parent: Path, below: str) -> None:
    source = Lfw(set="lfw", root=parent / below).open()
    assert source.classes == list(PHOTOS)
    assert source.labels.tolist() == [0, 1, 1, 1, 1, 2, 2, 2]
    assert source.attributes["male"].tolist() == [-1, 1, 0]
    assert all(file.startswith(b"\xff\xd8") for file in source.encoded(range(8)))


def test_identities_with_few_photos_are_left_out(parent: Path) -> None:
    source = Lfw(set="lfw", root=parent, min_per_class=3, per_class=2).open()
    assert source.classes == ["George_W_Bush", "Serena_Williams"]
    assert source.labels.tolist() == [0, 0, 1, 1]


def test_without_a_gender_file_there_are_no_attributes(parent: Path) -> None:
    (parent / "lfw-py" / "gender.csv").unlink()
    assert Lfw(set="lfw", root=parent).open().attributes == {}


def test_another_folder_is_refused(parent: Path, tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match=r"data\.root=.*--set data\.root=DIR"):
        Lfw(set="lfw", root=parent / "nowhere").open()
    other = tmp_path / "other"
    (other / "class").mkdir(parents=True)
    (other / "class" / "0001.jpg").write_bytes(b"")
    with pytest.raises(ScenarioError, match=r"no photos named NAME/NAME_0001\.jpg: --set data\.root=DIR"):
        Lfw(set="lfw", root=other).open()
