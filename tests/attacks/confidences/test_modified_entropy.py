import numpy as np
import pytest

from leakdrill.attacks.confidences.modified_entropy import modified_entropy


def mpe(*scores: float, label: int = 0) -> float:
    return float(modified_entropy(np.array([scores], dtype=np.float32), np.array([label]))[0])


def test_the_formula_of_section_2_4_by_hand() -> None:
    assert mpe(0.5, 0.25, 0.25) == pytest.approx(-0.5 * np.log(0.5) - 2 * 0.25 * np.log(0.75))


def test_sure_and_right_is_zero() -> None:
    assert mpe(1.0, 0.0, 0.0) == 0.0


def test_sure_and_wrong_is_large_but_finite() -> None:
    assert 100 < mpe(0.0, 1.0, 0.0) < np.inf


def test_it_falls_with_confidence_in_the_right_label_and_rises_with_that_in_a_wrong_one() -> None:
    right = np.linspace(0, 1, 50)
    of_right = [mpe(p, 1 - p) for p in right]
    assert np.all(np.diff(of_right) < 0)
    of_wrong = [mpe(0.2, p, 0.8 - p) for p in np.linspace(0.4, 0.8, 50)]
    assert np.all(np.diff(of_wrong) > 0)


def test_two_confidences_that_float32_still_tells_apart_differ() -> None:
    assert mpe(np.float32(1) - np.float32(2**-24), 2**-24) > 0
