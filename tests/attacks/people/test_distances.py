import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.preprocessing import StandardScaler

from leakdrill.attacks.people.distances import pairs_within, principal_components, six_statistics


def test_every_pair_of_a_persons_photos_comes_once_and_no_pair_of_two_people() -> None:
    labels = np.array([5, 2, 5, 5, 2])
    (of_two, with_two), (of_five, with_five) = pairs_within(labels)
    assert list(zip(of_two, with_two, strict=True)) == [(1, 4)]
    assert list(zip(of_five, with_five, strict=True)) == [(0, 2), (0, 3), (2, 3)]
    assert [len(own) for own, _ in pairs_within(np.repeat([0, 1], 50))] == [1225, 1225]  # section 5.2


def test_the_six_statistics_by_hand() -> None:
    (found,) = six_statistics([np.array([1.0, 2.0, 3.0, 6.0])])
    assert found == pytest.approx([3.0, 2.5, 3.5, 1.5, 1.0, 2.0])


def test_principal_components_are_those_of_columns_at_one_scale() -> None:
    columns = np.random.default_rng(0).normal(size=(30, 4)) * [1, 10, 100, 0.1]
    wanted = PCA(3).fit_transform(StandardScaler().fit_transform(columns))
    np.testing.assert_allclose(np.abs(principal_components(columns, 3)), np.abs(wanted), atol=1e-9)


def test_a_column_that_does_not_vary_is_no_division_by_nothing() -> None:
    assert np.isfinite(principal_components(np.ones((5, 2)), 2)).all()
