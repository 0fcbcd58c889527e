from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from leakdrill.data.splits import Deal, Split, deal
from leakdrill.errors import ScenarioError
from leakdrill.referee.overlap import check_people, overlaps
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


@pytest.mark.parametrize("side", ["outsiders", "source_train"])
def test_a_name_that_two_people_have_is_refused_however_it_is_written_and_dealt(side: str) -> None:
    check_people(cards())
    dealt = cards()
    inside, outside = (dealt.splits[name] for name in ("source_train", side))
    classes = list(inside.source.classes)
    twice = classes[inside.source.labels[inside.indices[0]]]
    labels = outside.source.labels[outside.indices]
    classes[labels[labels != inside.source.labels[inside.indices[0]]][0]] = twice.upper()
    source = SimpleNamespace(classes=classes, labels=inside.source.labels)
    splits = {name: replace(split, source=source) for name, split in dealt.splits.items()}  # type: ignore[arg-type]
    with pytest.raises(ScenarioError, match="1 people are two classes by name, such as"):
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


def test_images_that_are_too_small_to_compare_are_said_to_be() -> None:
    assert all(overlap.near_duplicates is None for overlap in overlaps(cards(image_size=8)))
