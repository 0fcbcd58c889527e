import numpy as np

from leakdrill.attacks.attack_models import fit_attack_model, fit_threshold


def model(labels: list[int], is_member: list[bool], inputs: list[float], num_classes: int = 3):
    return fit_attack_model(
        fit_threshold, np.array(inputs)[:, np.newaxis], np.array(labels), np.array(is_member), num_classes, seed=0
    )


def test_each_class_is_judged_by_its_own_model() -> None:
    fitted = model([0, 0, 2, 2, 1, 1], [True, False] * 3, [1, 2, 3, 4, 5, 6])
    scores, decisions = fitted.judge(np.full((3, 1), 3.5), np.array([0, 1, 2]))
    np.testing.assert_allclose(scores, [1.5 - 3.5, 5.5 - 3.5, 0])
    np.testing.assert_array_equal(decisions, [False, True, True])
    assert fitted.num_classes_without_own == 0
    assert fitted.by_all is None


def test_a_class_that_was_only_seen_only_unseen_or_absent_is_judged_by_the_model_of_all() -> None:
    fitted = model([1, 1, 2, 0], [True, False, False, True], [1, 3, 7, 2], num_classes=4)
    assert fitted.num_classes_without_own == 3
    scores, _ = fitted.judge(np.zeros((4, 1)), np.array([0, 1, 2, 3]))
    # of all: members 1 and 2, non-members 3 and 7; of class 1: member 1, non-member 3
    np.testing.assert_allclose(scores, [2.5, 2.0, 2.5, 2.5])


def test_when_no_class_has_both_kinds_one_model_judges_all() -> None:
    fitted = model([0, 1], [True, False], [1, 2])
    assert fitted.by_class is None
    _, decisions = fitted.judge(np.array([[1.0], [2.0]]), np.array([1, 2]))
    np.testing.assert_array_equal(decisions, [True, False])
