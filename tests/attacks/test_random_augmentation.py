from dataclasses import replace

import numpy as np
import pytest

from leakdrill.attacks import RandomAugmentation
from leakdrill.contract.worlds import world
from leakdrill.models.fit import Fit

QUICK = Fit(epochs=1, batch_size=16)
ATTACK = RandomAugmentation(queries_per_example=200, shift=1, cutout=4)


def test_the_default_is_a_thousand_copies_as_in_figure_4() -> None:
    assert RandomAugmentation().most_queries(3) == 3000


def test_the_image_itself_comes_first_and_weak_copies_are_mirrored_and_shifted() -> None:
    some = world("null", per_class=1).view.challenge
    copies = ATTACK.copies(some, "weak", seed=3)
    assert copies.shape == (8, 200, 8, 8, 3)
    np.testing.assert_array_equal(copies[:, 0], some.inputs)
    inner = {image[1:-1, 1:-1].tobytes() for image in copies[0]}
    assert len(inner) == 18  # nine shifts, mirrored or not
    assert some.inputs[0, :, ::-1][1:-1, 1:-1].tobytes() in inner


def test_a_strong_copy_has_a_grey_hole_and_a_weak_one_has_none() -> None:
    black = world("null", per_class=1).view.challenge
    black = replace(black, inputs=np.zeros_like(black.inputs))
    assert not ATTACK.copies(black, "weak", seed=3).any()
    holes = (ATTACK.copies(black, "strong", seed=3)[0, 1:] > 0).all(axis=-1).sum(axis=(1, 2))
    assert holes.max() == 16
    assert holes.min() >= 4  # a hole in the corner hangs over two edges


def test_copies_of_an_example_are_its_own_and_do_not_depend_on_its_company() -> None:
    some = world("null", per_class=2).view.challenge
    together = ATTACK.copies(some, "strong", seed=3)
    np.testing.assert_array_equal(ATTACK.copies(some.take(np.array([5])), "strong", seed=3)[0], together[5])
    assert not np.array_equal(ATTACK.copies(some, "strong", seed=4), together)


@pytest.mark.parametrize("changes", [{"flip": False, "shift": 0, "strength": "weak"}])
def test_what_is_switched_off_changes_nothing(changes: dict[str, object]) -> None:
    some = world("null", per_class=1).view.challenge
    copies = ATTACK.model_copy(update=changes).copies(some, "weak", seed=3)
    assert (copies == some.inputs[:, np.newaxis]).all()


def test_networks_see_whether_the_image_is_right_and_the_share_of_its_copies_that_are() -> None:
    right = np.array([[True, True, False, False, True], [False, True, True, True, True]])
    np.testing.assert_array_equal(ATTACK.records(right), [[1, 0.5], [0, 1]])


def test_the_stronger_of_two_pipelines_is_chosen_on_the_shadow_model() -> None:
    attack = RandomAugmentation(queries_per_example=4, tuning_examples=10, fit=QUICK)
    verdict = attack.run(world("memoriser", per_class=3).view)
    tried = verdict.notes["shadow_auc_by_magnitude"]
    assert tried.keys() == {"weak", "strong"}
    assert tried[verdict.notes["magnitude"]] == max(tried.values())
