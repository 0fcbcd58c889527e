"""Who is csmall's and who the adversary's beside cbig's people, and what of another data set is left out."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from leakdrill.data.splits import Deal, Split, deal
from leakdrill.errors import ScenarioError
from leakdrill.referee.overlap import check_people, overlaps
from leakdrill.scenario.data import Data

SPLITS = {"source_train": 2, "source_test": 1, "source_validation": 1}
BY_PHOTO: dict[str, Any] = {"challenge": {"per_class": 1}}
BY_IDENTITY: dict[str, Any] = {"challenge": {"members_by": "identity", "per_class": 2}}


def photo(name: str, number: int) -> Image.Image:
    noise = np.random.default_rng([ord(letter) for letter in name] + [number]).integers(0, 256, (8, 8, 3), np.uint8)
    return Image.fromarray(noise).resize((32, 32), Image.Resampling.BILINEAR)


def folder(root: Path, people: dict[str, int]) -> Path:
    for name, count in people.items():
        (root / name).mkdir(parents=True)
        for number in range(count):
            photo(name, number).save(root / name / f"{number:02d}.png")
    return root


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return folder(tmp_path_factory.mktemp("own") / "cbig", {f"Own_{letter}": 6 for letter in "abcdefghij"})


def dealt(root: Path, key: str = "key", **changes: Any) -> Deal:
    written = {"set": "image_folder", "root": root, "image_size": 32, "splits": SPLITS} | changes
    return deal(Data.model_validate(written), key)


def people(split: Split) -> set[str]:
    return {split.source.classes[label] for label in split.source.labels[split.indices]}


@pytest.mark.parametrize("game", [BY_PHOTO, BY_IDENTITY], ids=["photo", "identity"])
def test_the_adversarys_people_are_held_back_beside_csmalls_and_nobody_elses(own: Path, game: dict[str, Any]) -> None:
    without = dealt(own, target={"classes": 2, "train": 2, "test": 1}, **game)
    made = dealt(
        own,
        target={"classes": 2, "train": 2, "test": 1},
        auxiliary_faces={"classes": 3, "per_class": 4},
        **game,
    )
    faces = made.splits["auxiliary_faces"]
    assert people(faces) == {"Own_f", "Own_g", "Own_h"}
    assert np.bincount(faces.labels).tolist() == [4, 4, 4]
    assert people(made.splits["target_train"]) == people(without.splits["target_train"]) == {"Own_i", "Own_j"}
    others = set().union(*(people(split) for name, split in made.splits.items() if name != "auxiliary_faces"))
    assert not others & people(faces)


def test_without_a_csmall_they_are_the_last_and_too_many_are_refused(own: Path) -> None:
    made = dealt(own, auxiliary_faces={"classes": 2, "per_class": 4}, **BY_PHOTO)
    assert people(made.splits["auxiliary_faces"]) == {"Own_i", "Own_j"}
    with pytest.raises(ScenarioError, match=r"data\.auxiliary_faces\.classes holds 9 back for the adversary"):
        dealt(own, auxiliary_faces={"classes": 9, "per_class": 4}, **BY_PHOTO)
    with pytest.raises(
        ScenarioError, match=r"data\.auxiliary_faces asks for 7 .* lower data\.auxiliary_faces\.per_cla"
    ):
        dealt(own, auxiliary_faces={"classes": 2, "per_class": 7}, **BY_PHOTO)


OTHERS = {"Own_A": 6, "P": 3, "Q": 5, "R": 5, "S": 5, "T": 5}


@pytest.fixture
def other(own: Path, tmp_path: Path) -> Path:
    """Five people and Own_A, who is cbig's; of Q six photos are copies of Own_a's, larger and as JPEG."""
    root = folder(tmp_path / "other", OTHERS)
    for number in range(6):
        copy = io.BytesIO()
        photo("Own_a", number).resize((80, 80)).save(copy, "JPEG", quality=90)
        (root / "Q" / f"copy{number}.jpg").write_bytes(copy.getvalue())
    return root


def beside(root: Path, classes: int = 2, **changes: Any) -> dict[str, Any]:
    dataset = {"set": "image_folder", "root": root}
    return {"target": {"classes": classes, "train": 2, "test": 1, "dataset": dataset} | changes}


def test_of_another_data_set_cbigs_people_and_copies_of_its_images_are_left_out(own: Path, other: Path) -> None:
    made = dealt(own, **beside(other), auxiliary_faces={"classes": 2, "per_class": 5}, **BY_IDENTITY)
    assert people(made.splits["target_train"]) == {"P", "Q"}
    assert people(made.splits["auxiliary_faces"]) == {"R", "S"}
    assert made.left_out is not None
    assert made.left_out.people == 1
    assert made.left_out.images == 6
    for overlap in overlaps(made):
        assert (overlap.shared_names, overlap.near_duplicates) == (0, 0)


def test_what_of_another_data_set_is_missing_says_nothing_of_who_is_a_member(own: Path, other: Path) -> None:
    asked = beside(other) | {"auxiliary_faces": {"classes": 2, "per_class": 5}} | BY_IDENTITY
    a_key_each = {is_in: _a_deal(own, asked, is_in) for is_in in (True, False)}
    for made in a_key_each.values():
        assert people(made.splits["target_train"]) == {"P", "Q"}
        assert made.left_out is not None
        assert made.left_out.images == 6  # of Own_a, of whom as an outsider only two are dealt


def _a_deal(root: Path, asked: dict[str, Any], is_member: bool) -> Deal:
    """By the first key that has Own_a as a member, or as a non-member."""
    made = (dealt(root, f"key {number}", **asked) for number in range(50))
    return next(each for each in made if ("Own_a" in people(each.splits["source_train"])) == is_member)


def test_where_photos_are_in_or_out_a_name_is_only_reported(own: Path, other: Path) -> None:
    made = dealt(own, **beside(other), **BY_PHOTO)
    assert people(made.splits["target_train"]) == {"Own_A", "P"}
    assert made.left_out is not None
    assert made.left_out.people == 0
    assert {each.sides: each.shared_names for each in overlaps(made)}["teacher", "student"] == 1


def test_what_was_left_out_is_said_where_too_few_are_left(own: Path, other: Path) -> None:
    with pytest.raises(ScenarioError, match=r"only 5 of the 6 classes .*left out: 1 with the name of one of cbig's"):
        dealt(own, **beside(other, classes=6), **BY_IDENTITY)
    with pytest.raises(ScenarioError, match=r"auxiliary_faces asks for 5 .* only 3 of the 6 .* beside csmall's"):
        dealt(own, **beside(other), auxiliary_faces={"classes": 4, "per_class": 5}, **BY_IDENTITY)


def test_a_name_that_is_written_twice_within_one_data_set_is_refused(tmp_path: Path) -> None:
    root = folder(tmp_path / "twice", {f"Own_{letter}": 6 for letter in "abcdef"} | {"own a": 6, "z": 6})
    check_people(dealt(root, **BY_IDENTITY, target={"classes": 1 + 1, "train": 2, "test": 1}, classes=6))
    with pytest.raises(ScenarioError, match=r"1 people are two classes by name, such as 'owna'"):
        check_people(dealt(root, **BY_IDENTITY, target={"classes": 2, "train": 2, "test": 1}))
