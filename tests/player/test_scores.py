import numpy as np
import pytest

from leakdrill.errors import InvalidInput
from leakdrill.player.scores import opaque_ids, read_scores, to_csv, upper_half

IDS = ["aa", "bb", "cc"]


def test_scores_come_back_in_the_order_of_the_challenge_to_their_last_bit() -> None:
    said = read_scores(to_csv(["cc", "aa", "bb"], [0.1 + 0.2, -1e-300, 3.0]), IDS)
    assert said.scores.tolist() == [-1e-300, 3.0, 0.1 + 0.2]


def test_decisions_are_the_players_own_where_they_are_given() -> None:
    said = read_scores(b"id,score,decision\r\naa,3,0\r\n\r\nbb, 2 ,1\r\ncc,1,0\r\n", IDS)
    assert said.decisions.tolist() == [False, True, False]


@pytest.mark.parametrize(
    ("scores", "called"),
    [([1, 2, 3, 4], [0, 0, 1, 1]), ([0, 1, 1, 1], [0, 1, 1, 1]), ([0, 0, 0, 1], [0, 0, 0, 1])],
)
def test_without_decisions_the_upper_half_is_called_members_as_near_as_ties_allow(
    scores: list[float], called: list[int]
) -> None:
    assert upper_half(np.array(scores, float)).tolist() == [bool(each) for each in called]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "begin with ''"),
        (b"name,score\naa,1\nbb,1\ncc,1\n", "begin with 'name,score': make the first line id,score"),
        (b"aa,1\nbb,1\ncc,1\n", "begin with 'aa,1'"),
        (b"id,score\naa,1\nbb,1\n", "1 missing ids, 'cc': give every example a score"),
        (b"id,score\naa,1\nbb,1\nbb,2\ncc,1\n", "1 duplicate ids, 'bb': give each example one score"),
        (b"id,score\naa,1\nbb,1\ncc,1\ndd,1\n", "1 unknown ids, 'dd': take them from challenge.npz"),
        (b"id,score\naa,1\nbb,nan\ncc,1\n", "line 3 of the scores has 'nan', wanted a finite number"),
        (b"id,score\naa,1\nbb,inf\ncc,1\n", "line 3 of the scores has 'inf'"),
        (b"id,score\naa,1\nbb,high\ncc,1\n", "line 3 of the scores has 'high'"),
        (b"id,score\naa,1\nbb\ncc,1\n", "line 3 of the scores is 'bb', wanted 2 values"),
        (b"id,score,decision\naa,1,1\nbb,1,yes\ncc,1,0\n", "line 3 of the scores decides 'yes', wanted 1"),
        (b"\xff\xfe\x00", "no CSV in UTF-8"),
        (b'id,score\n"aa,1', "no CSV in UTF-8"),
    ],
)
def test_a_file_that_is_none_is_refused_with_what_to_do(content: bytes, told: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        read_scores(content, IDS)
    assert told in str(caught.value)


def test_ids_are_distinct_and_another_key_gives_others() -> None:
    ids = opaque_ids("a", 5000)
    assert len(set(ids)) == 5000
    assert not set(ids) & set(opaque_ids("b", 5000))
