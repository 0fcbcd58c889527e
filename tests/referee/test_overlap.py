import io
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from leakdrill.data.splits import Deal, Split, deal
from leakdrill.errors import ScenarioError
from leakdrill.referee.overlap import MAX_DIFFERENT, check_people, difference_hash, overlaps
from leakdrill.scenario.data import Data


def cards(**changes: Any) -> Deal:
    written: dict[str, Any] = {
        "set": "synthfaces",
        "classes": 12,
        "per_class": 6,
        "image_size": 32,
        "splits": {"source_train": 3, "source_test": 1, "source_validation": 1},
        "target": {"classes": 2, "train": 2, "test": 1},
        "challenge": {"members_by": "identity", "per_class": 3},
    }
    return deal(Data.model_validate(written | changes), "key")


def planted(dealt: Deal, split: str, taken_from: Split) -> Deal:
    """The first two of a split are of another's images, under another number."""
    own = dealt.splits[split]
    moved = replace(taken_from, indices=taken_from.indices[:2], labels=own.labels[:2])
    return replace(dealt, splits=dealt.splits | {split: moved})


def test_a_name_on_both_sides_of_membership_is_refused_however_it_is_written() -> None:
    check_people(cards())
    dealt = cards()
    inside, outside = (dealt.splits[name] for name in ("source_train", "outsiders"))
    classes = list(inside.source.classes)
    twice = classes[inside.source.labels[inside.indices[0]]]
    classes[outside.source.labels[outside.indices[0]]] = twice.upper()
    source = SimpleNamespace(classes=classes, labels=inside.source.labels)
    splits = {name: replace(split, source=source) for name, split in dealt.splits.items()}  # type: ignore[arg-type]
    with pytest.raises(ScenarioError, match=f"1 people are members and non-members by name, such as '{twice}'"):
        check_people(replace(dealt, splits=splits))


def test_people_who_do_not_exist_share_nothing() -> None:
    found = {tuple(overlap.sides): overlap for overlap in overlaps(cards())}
    assert set(found) == {("teacher", "student"), ("non_members", "teacher"), ("non_members", "student")}
    for overlap in found.values():
        assert (overlap.shared_names, overlap.same_files, overlap.near_duplicates) == (0, 0, 0)


@pytest.mark.parametrize("members_of", ["source_train", "challenge"])
def test_images_that_csmall_has_too_are_counted(members_of: str) -> None:
    dealt = cards()
    non_members = dealt.splits["outsiders"]
    source = dealt.splits["source_train"] if members_of == "source_train" else non_members
    found = {overlap.sides: overlap for overlap in overlaps(planted(dealt, "target_train", source))}
    shared = found["teacher", "student"] if members_of == "source_train" else found["non_members", "student"]
    assert shared.same_files == 2
    assert shared.near_duplicates is not None
    assert shared.near_duplicates >= 2
    assert shared.shared_names >= 1


def test_two_data_sets_are_compared_by_name_and_by_image() -> None:
    other = {"set": "synthfaces", "classes": 4, "per_class": 4, "seed": 1}
    found = {
        overlap.sides: overlap
        for overlap in overlaps(cards(target={"classes": 2, "train": 2, "test": 1, "dataset": other}))
    }
    assert found["teacher", "student"].same_files == 0
    assert (
        found["teacher", "student"].shared_names + found["non_members", "student"].shared_names == 2
    )  # id0000, id0001


def test_a_copy_that_was_scaled_and_saved_anew_looks_the_same_and_another_photo_does_not() -> None:
    files = [file for file, _ in cards().splits["source_train"].encoded()]
    copy = io.BytesIO()
    Image.open(io.BytesIO(files[0])).convert("RGB").resize((48, 48)).save(copy, "JPEG", quality=85)
    whole, again = difference_hash(files[0]), difference_hash(copy.getvalue())
    assert np.bitwise_count(whole ^ again).sum() <= MAX_DIFFERENT
    assert all(np.bitwise_count(whole ^ difference_hash(other)).sum() > MAX_DIFFERENT for other in files[1:])


def test_images_that_are_too_small_to_compare_are_said_to_be() -> None:
    assert all(overlap.near_duplicates is None for overlap in overlaps(cards(image_size=8)))
