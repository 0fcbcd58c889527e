import numpy as np
import pytest

from leakdrill.labelonly.augmentations import rotations, shifts, translations


def picture() -> np.ndarray:
    return np.random.default_rng(3).integers(0, 256, (2, 6, 8, 3), dtype=np.uint8)


@pytest.mark.parametrize("pixels", [1, 2, 5])
def test_there_are_4d_shifts_of_length_d_and_the_image_itself(pixels: int) -> None:
    found = shifts(pixels)
    assert found[0] == (0, 0)
    assert len(set(found)) == len(found) == 4 * pixels + 1
    assert all(abs(down) + abs(right) == pixels for down, right in found[1:])


def test_a_shifted_image_is_where_it_should_be_and_its_edge_repeats() -> None:
    images = picture()
    by_shift = dict(zip(shifts(2), translations(images, 2).swapaxes(0, 1), strict=True))
    np.testing.assert_array_equal(by_shift[0, 0], images)
    np.testing.assert_array_equal(by_shift[2, 0][:, 2:], images[:, :-2])
    np.testing.assert_array_equal(by_shift[2, 0][:, :2], images[:, :1].repeat(2, axis=1))
    np.testing.assert_array_equal(by_shift[-1, 1][:, :-1, 1:], images[:, 1:, :-1])


def test_a_turned_image_comes_with_the_plain_one_and_its_mirror_turn() -> None:
    ramp = np.tile(np.arange(0, 160, 20, dtype=np.uint8)[None, None, :, None], (1, 8, 1, 3))
    plain, one_way, other_way = rotations(ramp, 10)[0]
    np.testing.assert_array_equal(plain, ramp[0])
    np.testing.assert_array_equal(one_way, other_way[::-1])  # a ramp from left to right is its own mirror image
    assert not np.array_equal(one_way, plain)
    assert one_way.dtype == np.uint8


def test_half_a_turn_turns_the_image_upside_down() -> None:
    images = picture()
    np.testing.assert_allclose(rotations(images, 180)[:, 1].astype(int), images[:, ::-1, ::-1].astype(int), atol=1)
