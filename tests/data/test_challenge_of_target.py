"""A challenge about csmall's own training data: who is in it, and that nothing but the key says so."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from letters import SPLITS, TARGET, data, write_folder

from leakdrill.data.splits import deal
from leakdrill.errors import ScenarioError


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five classes of 30."""
    return write_folder(tmp_path_factory.mktemp("data") / "faces", dict.fromkeys("abcde", 30))


def test_a_challenge_of_csmalls_data_has_its_members_and_the_shadow_pools_of_its_classes(root: Path) -> None:
    splits = SPLITS | {"teacher_train": 5}
    made = deal(data(root, splits=splits, challenge={"members_of": "target"}), "key")
    sizes = {name: len(split) for name, split in made.splits.items()}
    assert sizes == {
        "source_train": 18, "source_test": 15, "source_validation": 6, "teacher_train": 15,
        "target_train": 8, "target_test": 6, "shadow_train": 8, "shadow_test": 6, "challenge": 12,
    }  # fmt: skip
    challenge = made.splits["challenge"]
    assert made.members_of == "target"
    assert set(challenge.labels) == set(made.splits["shadow_train"].labels) == {0, 1}
    np.testing.assert_array_equal(np.isin(challenge.indices, made.splits["target_train"].indices), made.is_member)
    np.testing.assert_array_equal(np.isin(challenge.indices, made.splits["target_test"].indices), ~made.is_member)
    assert made.is_member.sum() == 6


def test_nothing_about_csmalls_challenge_but_the_key_tells_a_member(root: Path) -> None:
    """Over many keys each example is as often a member as not, at each place of the challenge."""
    settings = data(root, challenge={"members_of": "target", "per_class": 2})
    member, seen, first = np.zeros(150), np.zeros(150), 0
    for key in range(400):
        made = deal(settings, f"key {key}")
        indices = made.splits["challenge"].indices
        np.add.at(member, indices, made.is_member)
        np.add.at(seen, indices, 1)
        first += int(made.is_member[0])
    asked = seen > 0
    assert abs(member.sum() / seen.sum() - 0.5) < 1e-9
    assert np.abs(member[asked] / seen[asked] - 0.5).max() < 0.32  # 4 standard errors of about 50
    assert 160 < first < 240  # 4 standard errors


def test_unseen_members_of_csmall_are_in_no_training_set(root: Path) -> None:
    made = deal(data(root, challenge={"members_of": "target", "members_from": "unseen", "per_class": 3}), "key")
    asked = made.splits["challenge"].indices
    assert not np.isin(asked[made.is_member], made.splits["target_train"].indices).any()
    assert set(asked[made.is_member]) == set(made.splits["unseen"].indices)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"challenge": {"members_of": "target", "per_class": 5}}, "per_class=5 is more than data.target.test=3"),
        ({"challenge": {"members_of": "target"}, "target": TARGET | {"train": 90}}, "data.target.train or .test"),
    ],
)
def test_a_challenge_that_csmalls_data_cannot_fill_says_what_is_short(
    root: Path, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(ScenarioError, match=message):
        deal(data(root, **changes), "key")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"challenge": {"members_of": "target", "members_by": "identity"}}, "set members_of: source"),
        ({"splits": SPLITS | {"teacher_train": 2}}, "set challenge.members_of: target"),
    ],
)
def test_a_challenge_that_makes_no_sense_is_refused(root: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        data(root, **changes)
