import numpy as np
import pytest

from leakdrill.errors import InvalidInput
from leakdrill.metrics import Judged

TRUTH = np.array([True, True, False, False])
LABELS = np.array([0, 1, 0, 1])
SCORES = np.array([[3.0, 2.0, 1.0, 0.0]])


def test_counts_members_non_members_and_repeats() -> None:
    judged = Judged(np.repeat(SCORES, 3, axis=0), np.repeat(SCORES, 3, axis=0) > 1, TRUTH, LABELS)
    assert (judged.num_repeats, judged.num_members, judged.num_non_members) == (3, 2, 2)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_score_that_is_not_finite_is_refused_and_counted(bad: float) -> None:
    scores = SCORES.copy()
    scores[0, 2] = bad
    with pytest.raises(InvalidInput, match="1 of 4 scores are NaN or infinite"):
        Judged(scores, SCORES > 1, TRUTH, LABELS)


@pytest.mark.parametrize(
    ("scores", "decisions", "labels"),
    [
        (SCORES[0], SCORES[0] > 1, LABELS),
        (SCORES[:, :3], SCORES > 1, LABELS),
        (np.repeat(SCORES, 2, axis=0), SCORES > 1, LABELS),
        (SCORES, SCORES > 1, LABELS[:3]),
        (SCORES[:0], SCORES[:0] > 1, LABELS),
    ],
)
def test_shapes_that_do_not_fit_are_refused_with_what_was_wanted(
    scores: np.ndarray, decisions: np.ndarray, labels: np.ndarray
) -> None:
    with pytest.raises(InvalidInput, match=r"wanted scores and decisions \(repeats, 4\)"):
        Judged(scores, decisions, TRUTH, labels)


@pytest.mark.parametrize("truth", [np.ones(4, bool), np.zeros(4, bool)])
def test_a_challenge_of_one_kind_only_has_nothing_to_tell_apart(truth: np.ndarray) -> None:
    with pytest.raises(InvalidInput, match="nothing to tell apart"):
        Judged(SCORES, SCORES > 1, truth, LABELS)


def test_taking_positions_keeps_scores_decisions_truth_and_labels_together() -> None:
    taken = Judged(SCORES, SCORES > 2, TRUTH, LABELS).take(np.array([2, 0]))
    assert taken.scores.tolist() == [[1.0, 3.0]]
    assert taken.decisions.tolist() == [[False, True]]
    assert taken.is_member.tolist() == [False, True]
    assert taken.labels.tolist() == [0, 0]


def test_of_classes_each_class_is_one_sample_with_its_mean_score_and_most_of_its_decisions() -> None:
    labels, truth = np.array([7, 3, 7, 3, 7]), np.array([True, False, True, False, True])
    scores = np.array([[3.0, 0.0, 6.0, 1.0, 0.0], [0.0, 2.0, 0.0, 2.0, 0.0]])
    people = Judged(scores, scores > 2, truth, labels).of_classes()
    np.testing.assert_allclose(people.scores, [[0.5, 3.0], [2.0, 0.0]])
    assert people.decisions.tolist() == [[False, True], [False, False]]
    assert people.is_member.tolist() == [False, True]
    assert people.labels.tolist() == [3, 7]


def test_a_class_of_members_and_non_members_is_no_sample() -> None:
    with pytest.raises(InvalidInput, match="2 of 2 classes have members and non-members"):
        Judged(SCORES, SCORES > 1, TRUTH, LABELS).of_classes()
