from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest
from numpy.typing import NDArray

from leakdrill.data.draw import draw_class, examples_by_class
from leakdrill.seeds import numpy_generator

PIECES = {"members": 8, "non_members": 8, "source_train": 3, "shadow_train": 8}


@dataclass
class Toy:
    labels: NDArray[np.int64]
    groups: NDArray[np.int64]
    classes: list[str]
    attributes: dict[str, NDArray[np.int64]] = field(default_factory=dict)

    def encoded(self, indices: Sequence[int]) -> Iterator[bytes]:
        raise AssertionError("a draw reads no file")


def grouped(*sizes: int) -> NDArray[np.int64]:
    return np.repeat(np.arange(len(sizes)), sizes)


def draw(groups: NDArray[np.int64], counts: dict[str, int], key: int = 0) -> dict[str, NDArray[np.int64]] | None:
    return draw_class(np.arange(len(groups)), groups, counts, numpy_generator(key))


@pytest.mark.parametrize(
    "groups",
    [np.arange(30), grouped(5, 4, 3, 2, 2, *[1] * 14), grouped(*[3] * 5, *[1] * 12)],
    ids=["no groups", "mixed", "triples"],
)
def test_every_split_gets_exactly_its_count_and_no_group_straddles(groups: NDArray[np.int64]) -> None:
    for key in range(50):
        drawn = draw(groups, PIECES, key)
        assert drawn is not None
        assert {name: len(indices) for name, indices in drawn.items()} == PIECES
        dealt = np.concatenate([*drawn.values()])
        assert len(set(dealt.tolist())) == sum(PIECES.values())
        owners = [name for name, indices in drawn.items() for _ in set(groups[indices].tolist())]
        assert len(owners) == len(set(groups[dealt].tolist()))  # each group has one owner


def test_a_group_of_any_size_is_as_likely_among_members_as_among_non_members() -> None:
    groups = grouped(6, 4, 3, *[2] * 4, *[1] * 10)  # 31 examples for 27 places: large groups often find no room
    found: Counter[tuple[str, int]] = Counter()
    for key in range(1500):
        drawn = draw(groups, PIECES, key)
        assert drawn is not None
        found.update((name, group) for name, indices in drawn.items() for group in set(groups[indices].tolist()))
    for group in range(groups.max() + 1):
        members, non_members = found["members", group], found["non_members", group]
        assert members + non_members > 300
        assert abs(members - non_members) < 4 * (members + non_members) ** 0.5


def test_without_groups_every_example_is_equally_likely_everywhere() -> None:
    counts = {"a": 5, "b": 10}
    times = np.zeros((2, 20))
    for key in range(1000):
        drawn = draw(np.arange(20), counts, key)
        assert drawn is not None
        for row, indices in zip(times, drawn.values(), strict=True):
            row[indices] += 1
    deviation = np.sqrt([1000 * 0.25 * 0.75, 1000 * 0.5 * 0.5])
    assert (np.abs(times - [[250], [500]]) < 4.5 * deviation[:, None]).all()


def test_groups_that_fill_the_splits_to_the_last_place_are_dealt() -> None:
    for key in range(50):
        assert draw(grouped(*[2] * 10), {"a": 8, "b": 8, "c": 4}, key) is not None
        assert (
            draw(grouped(4, 3, 2), {"a": 5, "b": 4}, key) is not None
        )  # only as 3 + 2 and 4: found by another attempt


def test_a_group_larger_than_any_split_is_cut_and_the_rest_is_nobodys() -> None:
    groups = grouped(5, *[1] * 5)
    drawn = draw(groups, {"a": 4, "b": 4})
    assert drawn is not None
    assert sorted((groups[indices] == 0).sum() for indices in drawn.values()) == [0, 4]


def test_an_impossible_draw_is_none() -> None:
    assert draw(grouped(2, 2, 2), {"a": 3, "b": 3}) is None
    assert draw(grouped(10), {"a": 3, "b": 3}) is None


def test_a_group_that_spans_classes_stays_where_most_of_it_is() -> None:
    labels = np.array([0, 0, 0, 1, 1, 1, 2, 2])
    groups = np.array([5, 5, 1, 5, 7, 8, 7, 9])  # 5 is mostly in class 0; 7 is half in 1, half in 2
    by_class = examples_by_class(Toy(labels, groups, ["a", "b", "c", "empty"]))
    assert [indices.tolist() for indices in by_class] == [[0, 1, 2], [4, 5], [7], []]
