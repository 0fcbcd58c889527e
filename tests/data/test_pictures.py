import re
from pathlib import Path

import pytest
from PIL import Image

from leakdrill.data.pictures import damage_by_name, num_enlarged
from leakdrill.data.splits import deal
from leakdrill.errors import InvalidInput
from tests.data.letters import SPLITS, TARGET, data, write_folder

CLASSES = {name: sum(SPLITS.values()) for name in "abcd"}  # all of which are dealt, but for two that are csmall's


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_folder(tmp_path, CLASSES)


def test_images_that_are_scaled_up_are_counted_once_wherever_they_are_dealt(root: Path) -> None:
    (larger,) = root.glob("a/0003.png")
    Image.new("RGB", (8, 9)).save(larger)
    of_csmall = TARGET["classes"] * (TARGET["train"] + TARGET["test"])
    assert num_enlarged(deal(data(root, image_size=8), "key")) == 2 * sum(SPLITS.values()) - 1 + of_csmall


def test_an_image_below_an_eighth_of_the_size_is_refused_by_name(root: Path) -> None:
    Image.new("RGB", (400, 1)).save(root / "b" / "0007.png")
    assert num_enlarged(deal(data(root, image_size=8), "key"))
    with pytest.raises(InvalidInput, match=r"b/0007.png has 400 x 1 pixels, and data.image_size is 9: wanted at least"):
        num_enlarged(deal(data(root, image_size=9), "key"))


def test_a_damaged_image_has_its_files_name(root: Path) -> None:
    made = deal(data(root), "key")
    train = made.splits["source_train"]
    with damage_by_name(train), pytest.raises(InvalidInput, match="another fault"):
        raise InvalidInput("another fault")
    name = train.source.path_of(int(train.indices[3]))  # type: ignore[attr-defined]
    Image.new("RGB", (64, 64), (9, 200, 3)).save(name, "JPEG")
    name.write_bytes(name.read_bytes()[:-300])
    again = deal(data(root), "key").splits["source_train"]
    with pytest.raises(InvalidInput, match=f"^{re.escape(str(name))}: not a readable image: "), damage_by_name(again):
        raise InvalidInput("example 3 of split 'source_train': not a readable image")
