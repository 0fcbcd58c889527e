from typing import get_args

import numpy as np
import pytest

from leakdrill.attacks.confidences.statistics import (
    Statistic,
    log_odds_of_logits,
    log_odds_of_scores,
    modified_entropy,
    statistic,
)
from leakdrill.models.training import softmax

every_statistic = pytest.mark.parametrize("of", get_args(Statistic))


def logits(scale: float = 3.0) -> np.ndarray:
    return (scale * np.random.default_rng(4).normal(size=(50, 6))).astype(np.float32)


LABELS = np.random.default_rng(5).integers(0, 6, 50)


def test_log_odds_are_those_of_the_softmax() -> None:
    p = softmax(logits().astype(np.float64))
    np.testing.assert_allclose(log_odds_of_logits(logits()), np.log(p / (1 - p)), rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(log_odds_of_scores(softmax(logits())), log_odds_of_logits(logits()), atol=1e-4)


def test_statistics_are_what_their_names_say() -> None:
    odds, p = log_odds_of_logits(logits()), softmax(logits().astype(np.float64))
    right = p[np.arange(50), LABELS]
    np.testing.assert_allclose(np.exp(statistic("max_confidence", odds, LABELS)), p.max(axis=1), rtol=1e-9)
    np.testing.assert_allclose(statistic("loss", odds, LABELS), np.log(right), rtol=1e-9)
    np.testing.assert_allclose(statistic("entropy", odds, LABELS), (p * np.log(p)).sum(axis=1), rtol=1e-9)
    np.testing.assert_allclose(statistic("log_odds", odds, LABELS), np.log(right / (1 - right)), rtol=1e-9)
    of_wrong = (p * np.log(1 - p)).sum(axis=1) - right * np.log(1 - right)
    np.testing.assert_allclose(
        statistic("modified_entropy", odds, LABELS), (1 - right) * np.log(right) + of_wrong, rtol=1e-7
    )


@every_statistic
def test_a_sure_and_right_answer_scores_above_an_unsure_one(of: Statistic) -> None:
    sure, unsure = statistic(of, log_odds_of_logits(np.array([[9.0, 0, 0], [1.0, 0, 0]])), np.zeros(2, np.int64))
    assert sure > unsure


@every_statistic
def test_an_order_among_answers_that_float32_calls_certain_is_kept(of: Statistic) -> None:
    surer = np.array([[20.0, 0, 0], [40.0, 0, 0], [80.0, 0, 0]], np.float32)
    assert (softmax(surer)[:, 0] == 1).all()
    labels = np.zeros(3, np.int64)
    assert (np.diff(statistic(of, log_odds_of_logits(surer), labels)) > 0).all()
    assert (np.diff(statistic(of, log_odds_of_scores(softmax(surer)), labels)) > 0).all()


@every_statistic
@pytest.mark.parametrize("extreme", [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
def test_certainty_of_one_class_is_finite(of: Statistic, extreme: list[float]) -> None:
    odds = log_odds_of_scores(np.array([extreme], np.float32))
    assert np.isfinite(statistic(of, odds, np.zeros(1, np.int64))).all()
    far = log_odds_of_logits(np.array([[5000.0, -5000.0, 0.0]], np.float32))
    assert np.isfinite(statistic(of, far, np.ones(1, np.int64))).all()


def mpe(*scores: float, label: int = 0) -> float:
    return float(modified_entropy(np.array([scores], dtype=np.float32), np.array([label]))[0])


def test_the_modified_entropy_of_section_2_4_by_hand() -> None:
    assert mpe(0.5, 0.25, 0.25) == pytest.approx(-0.5 * np.log(0.5) - 2 * 0.25 * np.log(0.75))


def test_sure_and_right_has_none() -> None:
    assert 0 <= mpe(1.0, 0.0, 0.0) < 1e-40


def test_sure_and_wrong_has_much_but_not_infinitely() -> None:
    assert 100 < mpe(0.0, 1.0, 0.0) < 210


def test_modified_entropy_falls_with_confidence_in_the_right_label_and_rises_with_that_in_a_wrong_one() -> None:
    right = np.linspace(0, 1, 50)
    of_right = [mpe(p, 1 - p) for p in right]
    assert np.all(np.diff(of_right) < 0)
    of_wrong = [mpe(0.2, p, 0.8 - p) for p in np.linspace(0.4, 0.8, 50)]
    assert np.all(np.diff(of_wrong) > 0)


def test_two_confidences_that_float32_still_tells_apart_differ() -> None:
    assert mpe(np.float32(1) - np.float32(2**-24), 2**-24) > 0
