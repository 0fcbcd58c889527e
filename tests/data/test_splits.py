import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from letters import SPLITS, TARGET, data, write_folder
from numpy.typing import NDArray

from leakdrill.data.forms import ImageForm
from leakdrill.data.splits import RECIPIENTS, Deal, Split, check_disjoint, deal
from leakdrill.errors import ScenarioError
from leakdrill.scenario.data import Data


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five classes of 30."""
    return write_folder(tmp_path_factory.mktemp("data") / "faces", dict.fromkeys("abcde", 30))


@pytest.fixture(scope="module")
def groups(root: Path) -> Path:
    """Each class's first 12 images in near-duplicate groups of 5, 3, 2 and 2."""
    path = root.parent / "groups.csv"
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["file", "group"])
        for name in "abcde":
            for number, group in enumerate(np.repeat(["p", "q", "r", "s"], [5, 3, 2, 2])):
                rows.writerow([f"{name}/{number:04d}.png", f"{name}{group}"])
    return path


@dataclass
class Recorder:
    """A data set of a single class that records what is read."""

    num_examples: int
    read: list[int] = field(default_factory=list)
    classes: list[str] = field(default_factory=lambda: ["only"])
    attributes: dict[str, NDArray[np.int64]] = field(default_factory=dict)

    @property
    def labels(self) -> NDArray[np.int64]:
        return np.zeros(self.num_examples, np.int64)

    @property
    def groups(self) -> NDArray[np.int64]:
        return np.arange(self.num_examples)

    def encoded(self, indices: Sequence[int]) -> Iterator[bytes]:
        for index in indices:
            self.read.append(index)
            yield bytes([index])


def per_class(split: Split) -> list[int]:
    return [int(count) for count in np.bincount(split.labels)]


def test_every_class_gives_each_split_its_count(root: Path) -> None:
    made = deal(data(root), "key")
    assert made.class_names == ["a", "b", "c"]
    assert made.target_class_names == ["d", "e"]
    assert (made.num_classes, made.num_target_classes) == (3, 2)
    for name, count in SPLITS.items():
        assert per_class(made.splits[name]) == [count] * 3, name
    assert per_class(made.splits["target_train"]) == [4, 4]
    assert per_class(made.splits["target_test"]) == [3, 3]
    assert per_class(made.splits["challenge"]) == [10, 10, 10]  # 5 members, as many as there are non-members
    assert set(made.splits) == {*SPLITS, "target_train", "target_test", "challenge"}


def test_without_a_target_every_class_is_of_the_source_task_and_csmall_is_dealt_nothing(root: Path) -> None:
    made = deal(data(root, target=None), "key")
    assert made.class_names == ["a", "b", "c", "d", "e"]
    assert made.target_class_names == []
    assert set(made.splits) == {*SPLITS, "challenge"}


def test_a_data_set_of_two_classes_needs_no_target(tmp_path: Path) -> None:
    two = write_folder(tmp_path / "two", {"a": 30, "b": 30})
    assert deal(data(two, target=None), "key").num_classes == 2
    one = write_folder(tmp_path / "one", {"a": 30})
    with pytest.raises(ScenarioError, match="has 1 classes: the source task needs at least 2 of its own"):
        deal(data(one, target=None), "key")


def test_labels_follow_the_examples(root: Path) -> None:
    made = deal(data(root), "key")
    for name, split in made.splits.items():
        names = made.target_class_names if name.startswith("target_") else made.class_names
        assert [split.source.classes[label] for label in split.source.labels[split.indices]] == [
            names[label] for label in split.labels
        ]


def test_near_duplicates_never_straddle(root: Path, groups: Path) -> None:
    for key in range(20):
        made = deal(data(root, groups=groups), str(key))
        owner: dict[int, str] = {}
        for name, split in made.splits.items():
            for group in split.source.groups[split.indices].tolist() if name != "challenge" else []:
                assert owner.setdefault(group, name) == name


def test_the_challenge_is_balanced_within_each_class_and_the_truth_is_aligned(root: Path) -> None:
    made = deal(data(root, challenge={"per_class": 3}), "key")
    challenge = made.splits["challenge"]
    assert np.bincount(challenge.labels[made.is_member]).tolist() == [3, 3, 3]
    assert np.bincount(challenge.labels[~made.is_member]).tolist() == [3, 3, 3]
    in_train = np.isin(challenge.indices, made.splits["source_train"].indices)
    assert np.array_equal(in_train, made.is_member)
    assert np.array_equal(np.isin(challenge.indices, made.splits["source_test"].indices), ~made.is_member)


def test_position_says_nothing_about_class_membership_or_the_challenge(root: Path) -> None:
    """Over many keys, what is at each place of a split is what chance would put there."""
    num_keys = 100
    made = [deal(data(root, challenge={"per_class": 2}), str(key)) for key in range(num_keys)]

    def close(rows: list[NDArray[np.bool_]], chance: float) -> bool:
        deviation = (chance * (1 - chance) / num_keys) ** 0.5
        return bool((np.abs(np.mean(rows, axis=0) - chance) < 4.5 * deviation).all())

    assert close([each.is_member for each in made], 1 / 2)
    for name in ("source_train", "source_test", "shadow_train", "challenge"):
        assert close([each.splits[name].labels == 0 for each in made], 1 / 3), name
    for name, chance in {"source_train": 2 / 6, "source_test": 2 / 5}.items():
        splits = [(each.splits[name].indices, each.splits["challenge"].indices) for each in made]
        assert close([np.isin(dealt, challenge) for dealt, challenge in splits], chance), name


def test_the_key_decides_who_is_a_member_and_nothing_else_does(root: Path) -> None:
    one, again, other = (deal(data(root), key) for key in ("one", "one", "other"))
    for name, split in one.splits.items():
        assert np.array_equal(split.indices, again.splits[name].indices)
    assert set(one.splits["source_train"].indices) != set(other.splits["source_train"].indices)


def test_digest_is_stable_and_depends_on_order_labels_and_form(root: Path) -> None:
    split = deal(data(root), "key").splits["source_train"]
    assert split.digest() == deal(data(root), "key").splits["source_train"].digest()
    changed = [
        replace(split, indices=split.indices[::-1]),
        replace(split, labels=split.labels[::-1]),
        replace(split, form=ImageForm(16)),
        replace(split, indices=split.indices[1:], labels=split.labels[1:]),
    ]
    assert len({each.digest() for each in [split, *changed]}) == 5


def test_files_are_read_when_asked_for_and_not_ahead() -> None:
    source = Recorder(100)
    split = Split(source, np.array([7, 3, 5]), np.zeros(3, np.int64), 8)
    dealt = split.encoded()
    assert source.read == []
    assert next(dealt) == (b"\x07", 0)
    assert source.read == [7]
    assert next(dealt) == (b"\x03", 0)
    assert source.read == [7, 3]


def test_dealing_reads_no_file(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> bytes:
        raise AssertionError("read a file")

    monkeypatch.setattr("leakdrill.datasets.image_folder._read_image", refuse)
    assert len(deal(data(root), "key").is_member) == 30


def test_unseen_members_are_in_no_dealt_split(root: Path, groups: Path) -> None:
    made = deal(data(root, groups=groups, challenge={"members_from": "unseen"}), "key")
    challenge = made.splits["challenge"].indices
    dealt = [split for name, split in made.splits.items() if name not in {"challenge", "unseen"}]
    assert not any(np.isin(challenge[made.is_member], split.indices).any() for split in dealt)
    assert per_class(made.splits["unseen"]) == [5, 5, 5]
    assert per_class(made.splits["source_train"]) == [6, 6, 6]
    assert not any("unseen" in splits for splits in RECIPIENTS.values())


def test_empty_splits_are_not_dealt(root: Path) -> None:
    made = deal(data(root, splits=SPLITS | {"shadow_train": 0, "shadow_test": 0}), "key")
    assert not {"shadow_train", "shadow_test"} & set(made.splits)


def test_the_target_task_can_have_a_data_set_of_its_own(root: Path, tmp_path: Path) -> None:
    other = write_folder(tmp_path / "other", {"w": 3, "x": 8, "y": 7, "z": 9})
    target = TARGET | {"dataset": {"set": "image_folder", "root": other}}
    made = deal(data(root, target=target), "key")
    assert made.class_names == list("abcde")
    assert made.target_class_names == ["x", "y"]  # the first with 4 + 3 examples
    with pytest.raises(ScenarioError, match=r"asks for 7 .* in 4 classes, but only 3 of the 4"):
        deal(data(root, target=target | {"classes": 4}), "key")


@pytest.mark.parametrize("other", [{"set": "image_folder", "per_class": 10}, {"set": "lfw"}])
def test_the_target_task_cannot_have_the_source_data_as_another_set(root: Path, other: dict[str, Any]) -> None:
    target = TARGET | {"dataset": other | {"root": root / "a" / ".."}}
    with pytest.raises(ScenarioError, match=r"data\.target\.dataset is the source task's own data set"):
        deal(data(root, target=target), "key")


@pytest.mark.parametrize("size", [1, 19])
def test_a_class_that_is_short_is_named_with_what_would_help(tmp_path: Path, size: int) -> None:
    root = write_folder(tmp_path, {"a": 20, "b": size, "c": 20, "d": 20, "e": 20})
    short = (
        r"data\.splits asks for 20 examples of each class \(source_train 6 \+ source_test 5 \+ source_validation 2 \+ "
        rf"shadow_train 4 \+ shadow_test 3\), but class 'b' has {size}: lower a split or set data\.min_per_class=20"
    )
    with pytest.raises(ScenarioError, match=short):
        deal(data(root), "key")
    assert deal(data(root, min_per_class=20), "key").class_names == ["a", "c"]


def test_a_target_class_that_is_short_is_named(tmp_path: Path) -> None:
    root = write_folder(tmp_path, {"a": 20, "b": 20, "c": 20, "d": 6})
    with pytest.raises(
        ScenarioError, match=r"data\.target asks for 7 .*target_train 4 .*class 'd' has 6: lower data\.target"
    ):
        deal(data(root), "key")


def test_groups_that_cannot_be_whole_are_an_error_that_says_so(tmp_path: Path) -> None:
    root = write_folder(tmp_path / "data", dict.fromkeys("abcd", 20))
    groups = tmp_path / "groups.csv"
    groups.write_text("file,group\n" + "".join(f"a/{number:04d}.png,{number // 2}\n" for number in range(20)))
    with pytest.raises(ScenarioError, match=r"class 'a' has 20 in near-duplicate groups, which cannot be dealt whole"):
        deal(data(root, groups=groups), "key")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"challenge": {"per_class": 6}}, r"data\.challenge\.per_class=6 is more than data\.splits\.source_test=5"),
        ({"target": TARGET | {"classes": 4}}, r"data set has 5 classes, and data\.target\.classes holds 4 back"),
        (
            {"challenge": {"members_from": "unseen"}, "splits": SPLITS | {"shadow_train": 14}},
            r"asks for 35 .* \+ unseen 5\), but class 'a' has 30",
        ),
    ],
)
def test_impossible_sizes_are_refused(root: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ScenarioError, match=message):
        deal(data(root, **changes), "key")


def test_the_check_sees_a_shared_near_duplicate_and_a_false_truth(root: Path, groups: Path) -> None:
    made = deal(data(root, groups=groups), "key")
    train = made.splits["source_train"]

    def changed(**splits: Split) -> Deal:
        return replace(made, splits=made.splits | splits)

    with pytest.raises(RuntimeError, match="'source_train' and 'shadow_train' share the near-duplicate group"):
        check_disjoint(changed(shadow_train=train))
    with pytest.raises(RuntimeError, match="'source_train' holds an example twice"):
        check_disjoint(changed(source_train=replace(train, indices=np.repeat(train.indices[:2], 2))))
    with pytest.raises(RuntimeError, match="a member that is not of the members' split"):
        check_disjoint(replace(made, is_member=~made.is_member))
    with pytest.raises(RuntimeError, match="a non-member that is not of source_test"):
        check_disjoint(replace(made, is_member=np.zeros_like(made.is_member)))


def test_digits_are_dealt_without_any_file() -> None:
    keys = {"set": "digits", "image_size": 8, "splits": SPLITS, "target": TARGET | {"classes": 3}}
    made = deal(Data.model_validate(keys), "key")
    assert made.class_names == list("0123456")
    with pytest.raises(ScenarioError, match=r"class '\d' has 1\d\d: lower a split$"):
        deal(Data.model_validate(keys | {"splits": SPLITS | {"source_train": 170}}), "key")
