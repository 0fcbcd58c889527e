import numpy as np

from leakdrill.data.examples import Examples
from leakdrill.labelonly.starts import nearest_of_other_classes


def flat(levels: list[int], labels: list[int]) -> Examples:
    inputs = np.array(levels, np.uint8)[:, None, None, None] * np.ones((1, 2, 2, 3), np.uint8)
    return Examples(inputs, np.array(labels))


def test_the_nearest_images_of_other_classes_come_nearest_first() -> None:
    pool = flat([0, 100, 120, 200, 255], [0, 1, 0, 2, 1])
    nearest = nearest_of_other_classes(flat([110, 130], [0, 1]), pool, 2)
    np.testing.assert_array_equal(nearest, [[1, 3], [2, 3]])


def test_a_pool_with_too_few_of_other_classes_fills_up_with_the_same() -> None:
    pool = flat([0, 100, 200], [0, 0, 1])
    nearest = nearest_of_other_classes(flat([50, 60], [0, 1]), pool, 5)
    assert nearest.shape == (2, 3)
    assert nearest[0, 0] == 2
    np.testing.assert_array_equal(nearest[1], [1, 0, 2])
