from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from leakdrill.errors import InvalidInput, LeakdrillError, NotFound
from leakdrill.referee.folders import check_classes, check_distinct, halves, read_challenge, read_shadow


def write(root: Path, *paths: str) -> None:
    """An image of its own at each path; a path that ends in "/" is an empty folder."""
    for number, path in enumerate(paths):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        if path.endswith("/"):
            (root / path).mkdir()
        else:
            Image.new("RGB", (4, 4), (number, len(path), 0)).save(root / path)


JUDGED = [f"{kind}/{name}/{number}.png" for kind in ("members", "non_members") for name in "ab" for number in (1, 2)]


def test_class_folders_alone_do_not_tell_who_is_a_member(tmp_path: Path) -> None:
    write(tmp_path, "b/1.png", "a/deep/2.png", "c/")
    challenge = read_challenge(tmp_path)
    assert challenge.is_member is None
    assert challenge.files.classes == ["a", "b", "c"]
    assert challenge.files.paths == ["a/deep/2.png", "b/1.png"]


def test_members_and_non_members_are_told_apart_by_their_folder(tmp_path: Path) -> None:
    write(tmp_path, *JUDGED)
    challenge = read_challenge(tmp_path)
    assert challenge.is_member is not None
    told = dict(zip(challenge.files.paths, challenge.is_member.tolist(), strict=True))
    assert told == {path: path.startswith("members") for path in JUDGED}
    assert [path.split("/")[1] for path in challenge.files.paths] == [
        challenge.files.classes[label] for label in challenge.files.labels
    ]


@pytest.mark.parametrize(
    ("make", "error", "says"),
    [
        (lambda root: None, NotFound, "is no folder"),
        (lambda root: root.mkdir(), InvalidInput, "has no images"),
        (lambda root: write(root, "members/a/1.png"), InvalidInput, r"has \['members'\]: wanted class folders, or"),
        (lambda root: write(root, *JUDGED, "a/1.png"), InvalidInput, r"has \['a', 'members', 'non_members'\]"),
        (lambda root: write(root, *JUDGED, "members/c/1.png"), InvalidInput, r"non_members lacks 1 .*members: \['c'\]"),
        (lambda root: write(root, *JUDGED[:4], JUDGED[4], "non_members/b/"), InvalidInput, "non_members has 1 images"),
    ],
)
def test_a_challenge_that_cannot_be_judged_is_refused(
    tmp_path: Path, make: Callable[[Path], None], error: type[LeakdrillError], says: str
) -> None:
    make(tmp_path / "challenge")
    with pytest.raises(error, match=says):
        read_challenge(tmp_path / "challenge")


def test_a_class_folder_that_one_folder_lacks_is_named(tmp_path: Path) -> None:
    folders = {tmp_path / "challenge": ["a", "b"], tmp_path / "shadow": ["a", "b", "c"]}
    with pytest.raises(InvalidInput, match=r"challenge lacks 1 of the class folders of .*shadow: \['c'\]"):
        check_classes(folders)
    check_classes({tmp_path / "challenge": ["a"], tmp_path / "shadow": ["a"]})


def test_a_photo_in_both_folders_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "challenge", "a/1.png", "b/1.png")
    write(tmp_path / "shadow", "a/longer.png", "b/longer.png")
    challenge, shadow = read_challenge(tmp_path / "challenge").files, read_shadow(tmp_path / "shadow")
    check_distinct(challenge, shadow)
    (tmp_path / "shadow" / "b" / "longer.png").write_bytes((tmp_path / "challenge" / "a" / "1.png").read_bytes())
    with pytest.raises(InvalidInput, match=r"shadow/b/longer\.png is the same file as .*challenge/a/1\.png"):
        check_distinct(challenge, shadow)


def test_a_photo_that_is_twice_in_the_challenge_is_refused(tmp_path: Path) -> None:
    write(tmp_path, *JUDGED)
    (tmp_path / JUDGED[-1]).write_bytes((tmp_path / JUDGED[0]).read_bytes())
    with pytest.raises(InvalidInput, match="is the same file as"):
        check_distinct(read_challenge(tmp_path).files, None)


def test_the_halves_of_the_shadow_folder_share_every_class_and_no_photo(tmp_path: Path) -> None:
    write(tmp_path, *(f"{name}/{number}.png" for name in "ab" for number in range(6)))
    shadow = read_shadow(tmp_path)
    train, test = halves(shadow, seed=1)
    assert sorted([*train, *test]) == list(range(12))
    for half in (train, test):
        assert np.bincount(shadow.labels[half]).tolist() == [3, 3]
    assert not np.array_equal(train, halves(shadow, seed=2)[0])


def test_a_shadow_folder_of_one_photo_cannot_be_halved(tmp_path: Path) -> None:
    write(tmp_path, "a/1.png")
    with pytest.raises(InvalidInput, match="has 1 image, wanted 2 or more"):
        read_shadow(tmp_path)
