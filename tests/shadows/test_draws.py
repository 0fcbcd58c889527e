import numpy as np
import pytest

from leakdrill.data.examples import Examples
from leakdrill.errors import ScenarioError
from leakdrill.shadows import Draws, Records, draw_shadow_sets


def pool(size: int) -> Examples:
    return Examples(np.zeros((size, 2, 2, 3), np.uint8), np.arange(size) % 3)


def test_inside_one_shadow_nothing_is_drawn_twice() -> None:
    draws = draw_shadow_sets(pool(20), pool(15), num_shadows=50, shadow_size=12, seed=1)
    for rows in (draws.train, draws.test):
        assert rows.shape == (50, 12)
        assert all(len(set(row)) == 12 for row in rows.tolist())
    assert draws.train.max() == 19
    assert draws.test.max() == 14


def test_shadows_draw_independently_and_so_overlap() -> None:
    draws = draw_shadow_sets(pool(20), pool(20), num_shadows=200, shadow_size=10, seed=1)
    overlap = [len(set(a) & set(b)) for a, b in zip(draws.train[::2].tolist(), draws.train[1::2].tolist(), strict=True)]
    assert np.mean(overlap) == pytest.approx(5, abs=0.5)
    assert not np.array_equal(draws.train, draws.test)


def test_more_shadows_keep_the_draws_of_the_first_ones() -> None:
    few, many = (draw_shadow_sets(pool(20), pool(20), number, 5, seed=1) for number in (3, 8))
    np.testing.assert_array_equal(many.train[:3], few.train)
    np.testing.assert_array_equal(many.test[:3], few.test)


@pytest.mark.parametrize(("train", "test", "short"), [(9, 20, "shadow_train"), (20, 9, "shadow_test")])
def test_a_size_beyond_the_pool_says_which_and_how_large_it_is(train: int, test: int, short: str) -> None:
    with pytest.raises(ScenarioError, match=rf"shadow_size 10 exceeds the 9 {short} examples.*data.splits.{short}"):
        draw_shadow_sets(pool(train), pool(test), num_shadows=1, shadow_size=10, seed=1)


def test_in_is_a_shadows_own_training_set_and_out_its_own_test_set() -> None:
    draws = Draws(train=np.array([[0, 1], [4, 2]]), test=np.array([[5, 3], [0, 4]]))
    seen, unseen = (np.full((2, 2, 3), value, np.float32) for value in (0.9, 0.1))
    seen[1, 0] = 0.8  # what shadow 1 says of example 4
    records = Records.of(seen, unseen, pool(6), pool(7), draws)
    np.testing.assert_array_equal(records.is_member, [True] * 4 + [False] * 4)
    np.testing.assert_array_equal(records.labels, np.array([0, 1, 4, 2, 5, 3, 0, 4]) % 3)
    np.testing.assert_allclose(records.scores[:, 0], [0.9, 0.9, 0.8, 0.9, 0.1, 0.1, 0.1, 0.1])
