import numpy as np

from leakdrill.attacks.attack_models import leading_scores


def test_the_true_labels_score_comes_first_and_the_largest_others_follow_in_order() -> None:
    scores = np.array([[0.1, 0.4, 0.2, 0.25, 0.05]] * 2, np.float32)
    got = np.exp(leading_scores(scores, np.array([2, 1])))
    np.testing.assert_allclose(got, [[0.2, 0.4, 0.25, 0.1], [0.4, 0.25, 0.2, 0.1]], rtol=1e-6)


def test_two_classes_leave_one_other() -> None:
    np.testing.assert_allclose(np.exp(leading_scores(np.float32([[0.3, 0.7]]), np.array([0]))), [[0.3, 0.7]], rtol=1e-6)


def test_a_score_of_zero_stays_finite() -> None:
    got = leading_scores(np.array([[0.0, 1.0, 0.0, 0.0]], np.float32), np.array([0]))
    np.testing.assert_allclose(got, [[np.log(1e-6), 0, np.log(1e-6), np.log(1e-6)]], atol=1e-12)


def test_what_it_is_given_is_left_as_it_was() -> None:
    scores = np.array([[0.3, 0.7]], np.float32)
    leading_scores(scores, np.array([0]))
    np.testing.assert_array_equal(scores, np.array([[0.3, 0.7]], np.float32))
