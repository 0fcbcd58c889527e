"""The deal when whole people are in or out: data.challenge.members_by "identity"."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pydantic import ValidationError

from leakdrill.data.splits import RECIPIENTS, Deal, Split, check_disjoint, deal
from leakdrill.errors import ScenarioError
from leakdrill.scenario.data import Data

SPLITS = {"source_train": 6, "source_test": 5, "source_validation": 2}


def data(classes: int = 10, **changes: Any) -> Data:
    keys = {"set": "synthfaces", "classes": classes, "per_class": 20, "image_size": 8, "splits": SPLITS}
    keys["target"] = {"classes": 2, "train": 4, "test": 3}
    keys["challenge"] = {"members_by": "identity", "per_class": 4}
    return Data.model_validate(keys | changes)


def people(split: Split) -> set[int]:
    return set(split.source.labels[split.indices].tolist())


def test_half_of_the_source_classes_are_cbigs_and_the_others_nobodys() -> None:
    made = deal(data(), "key")
    assert made.num_classes == 4
    assert people(made.splits["outsiders"]).isdisjoint(people(made.splits["source_train"]))
    assert people(made.splits["target_train"]) == {8, 9}  # whatever the key
    assert not any("outsiders" in splits for splits in RECIPIENTS.values())
    for name, count in SPLITS.items():
        assert np.bincount(made.splits[name].labels).tolist() == [count] * 4


def test_the_challenge_has_as_many_photos_of_everyone_and_the_truth_is_aligned() -> None:
    made = deal(data(), "key")
    challenge = made.splits["challenge"]
    assert np.bincount(challenge.labels).tolist() == [4] * 8
    assert people(challenge) == set(range(8))
    of = challenge.source.labels[challenge.indices]
    assert np.array_equal(np.isin(of, sorted(people(made.splits["source_train"]))), made.is_member)
    assert np.isin(challenge.indices[made.is_member], made.splits["source_train"].indices).all()
    for label in range(8):
        assert len(np.unique(made.is_member[challenge.labels == label])) == 1
        assert len(np.unique(of[challenge.labels == label])) == 1


def test_unseen_photos_of_cbigs_people_are_in_no_split_of_cbigs() -> None:
    made = deal(data(challenge={"members_by": "identity", "per_class": 4, "members_from": "unseen"}), "key")
    seen = np.concatenate([made.splits[name].indices for name in RECIPIENTS["cbig"] if name in made.splits])
    challenge = made.splits["challenge"]
    assert not np.isin(challenge.indices, seen).any()
    assert people(made.splits["unseen"]) == people(made.splits["source_train"])


def test_neither_label_nor_place_nor_file_order_says_who_is_in() -> None:
    """Over many keys, each label, each place and each person of the data set is in half of the time."""
    num_keys = 400
    made = [deal(data(), str(key)) for key in range(num_keys)]
    deviation = (0.25 / num_keys) ** 0.5

    def even(rows: list[NDArray[np.bool_]]) -> bool:
        return bool((np.abs(np.mean(rows, axis=0) - 0.5) < 4 * deviation).all())

    def by(of: NDArray[np.int64], each: Deal) -> NDArray[np.bool_]:
        return each.is_member[[np.flatnonzero(of == value)[0] for value in range(8)]]

    challenges = [(each.splits["challenge"], each) for each in made]
    assert even([each.is_member for each in made])
    assert even([by(challenge.labels, each) for challenge, each in challenges])
    assert even([by(challenge.source.labels[challenge.indices], each) for challenge, each in challenges])


def test_the_number_of_a_photo_within_its_class_is_as_likely_of_a_member() -> None:
    made = [deal(data(), str(key)) for key in range(100)]
    numbers = [each.splits["challenge"].indices % 20 for each in made]
    means = [[of[each.is_member].mean(), of[~each.is_member].mean()] for of, each in zip(numbers, made, strict=True)]
    difference = np.diff(np.array(means), axis=1)
    assert abs(difference.mean()) < 4 * difference.std() / 10


def test_an_odd_class_is_nobodys() -> None:
    made = deal(data(classes=11), "key")
    assert (made.num_classes, len(people(made.splits["outsiders"]))) == (4, 4)


def test_shadow_splits_would_show_whom_cbig_trained_on_and_are_refused() -> None:
    with pytest.raises(ValidationError, match="show the adversary whom cbig trained on"):
        data(splits=SPLITS | {"shadow_train": 1})


def test_too_few_people_or_photos_are_refused() -> None:
    with pytest.raises(ScenarioError, match="needs 2 classes in and 2 out, got 3"):
        deal(data(classes=5), "key")
    with pytest.raises(ScenarioError, match=r"per_class=7 is more than data\.splits\.source_train=6"):
        deal(data(challenge={"members_by": "identity", "per_class": 7}), "key")


def test_the_check_sees_a_person_on_both_sides() -> None:
    made = deal(data(), "key")
    test, outsiders = made.splits["source_test"], made.splits["outsiders"]
    person = outsiders.source.labels[outsiders.indices[0]]
    other = np.setdiff1d(np.flatnonzero(outsiders.source.labels == person), outsiders.indices)[:1]
    moved = replace(test, indices=np.append(test.indices, other), labels=np.append(test.labels, 0))
    with pytest.raises(RuntimeError, match="splits 'outsiders' and 'source_test' share 1 classes"):
        check_disjoint(replace(made, splits=made.splits | {"source_test": moved}))
