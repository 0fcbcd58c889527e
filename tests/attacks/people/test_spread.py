import numpy as np
import pytest
from sklearn.decomposition import PCA

from leakdrill.attacks.people import spread as module
from leakdrill.attacks.people.spread import covariance_components, deviations, several_photos, spread
from leakdrill.errors import InvalidInput

GENERATOR = np.random.default_rng(0)
LABELS = np.array([4, 9, 4, 2, 9, 2, 4])
EMBEDDINGS = GENERATOR.normal(size=(7, 5)).astype(np.float32)


def test_deviations_are_roots_of_the_classes_covariances_in_the_order_of_the_labels() -> None:
    for label, deviation in zip((2, 4, 9), deviations(EMBEDDINGS, LABELS), strict=True):
        wanted = np.cov(EMBEDDINGS[label == LABELS].astype(np.float64), rowvar=False)
        np.testing.assert_allclose(deviation.T @ deviation, wanted, atol=1e-12)


def test_the_spread_is_equation_3_by_hand() -> None:
    deviation = np.array([[1.0, 0.0], [2.0, 2.0]])  # covariance [[5, 4], [4, 4]]
    assert spread(deviation, p=1, off_diagonal=0) == pytest.approx(9)
    assert spread(deviation, p=1, off_diagonal=1) == pytest.approx(9 + 4)
    assert spread(deviation, p=1, off_diagonal=0.5) == pytest.approx(9 + 2)
    assert spread(deviation, p=2, off_diagonal=1) == pytest.approx(np.sqrt(41) + 4)


def test_covariances_taken_some_rows_at_a_time_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    found = deviations(EMBEDDINGS, LABELS)
    whole, components = spread(found[0], p=1, off_diagonal=1), covariance_components(found, 1)
    monkeypatch.setattr(module, "_ROWS", 2)
    assert spread(found[0], p=1, off_diagonal=1) == pytest.approx(whole)
    np.testing.assert_allclose(np.abs(covariance_components(found, 1)), np.abs(components), rtol=1e-9)


def test_components_are_those_of_the_upper_triangles_written_out() -> None:
    labels = np.repeat(np.arange(12), 4)
    found = deviations(GENERATOR.normal(size=(48, 6)).astype(np.float32), labels)
    triangles = np.stack([(each.T @ each)[np.triu_indices(6)] for each in found])
    wanted = PCA(5).fit_transform(triangles)
    got = covariance_components(found, 5)
    np.testing.assert_allclose(np.abs(got), np.abs(wanted), atol=1e-9)  # the sign of a component is arbitrary


def test_there_are_no_more_components_than_classes_allow() -> None:
    assert covariance_components(deviations(EMBEDDINGS, LABELS), 50).shape == (3, 2)


def test_a_photo_without_another_of_its_class_is_named_and_nobody_to_compare_is_refused() -> None:
    assert several_photos(np.array([7, 3, 3, 1, 5, 5])).tolist() == [False, True, True, False, True, True]
    with pytest.raises(InvalidInput, match=r"2 of 3 classes have a single photo.*raise data\.challenge\.per_class"):
        several_photos(np.array([7, 3, 3, 1]))
