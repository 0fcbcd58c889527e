import numpy as np

from leakdrill.metrics.judged import Judged
from leakdrill.metrics.resampling import Resamples

TRUTH = np.arange(300) < 100
JUDGED = Judged(np.zeros((1, 300)), np.zeros((1, 300), bool), TRUTH, np.zeros(300, np.int64))


def test_every_resample_has_as_many_members_and_non_members_as_the_challenge() -> None:
    resamples = Resamples.draw(JUDGED, num=200)
    assert resamples.members.shape == (200, 100)
    assert resamples.non_members.shape == (200, 200)
    assert (resamples.members.sum(axis=1) == 100).all()
    assert (resamples.non_members.sum(axis=1) == 200).all()


def test_an_example_is_drawn_about_once_and_left_out_of_about_a_third_of_the_resamples() -> None:
    members = Resamples.draw(JUDGED, num=1000).members
    assert abs((members == 0).mean() - np.exp(-1)) < 0.01
    assert (np.abs(members.mean(axis=0) - 1) < 0.2).all()


def test_the_same_seed_draws_the_same_and_another_seed_another() -> None:
    first, again, other = (Resamples.draw(JUDGED, num=50, seed=seed) for seed in (1, 1, 2))
    assert (first.members == again.members).all()
    assert (first.members != other.members).any()


def test_more_resamples_begin_with_the_same_ones() -> None:
    few, many = Resamples.draw(JUDGED, num=64), Resamples.draw(JUDGED, num=128)
    assert (many.members[:64] == few.members).all()


def test_blocks_are_all_the_rows_in_order() -> None:
    resamples = Resamples.draw(JUDGED, num=130)
    members = np.concatenate([block for block, _ in resamples.blocks()])
    assert (members == resamples.members).all()
