import json

import numpy as np
import pytest

from leakdrill.metrics import Judged, attack_result, macro, over_repeats
from leakdrill.results import AttackResult

TRUTH = np.array([True, True, False, False] * 2)
LABELS = np.array([0, 0, 0, 0, 1, 1, 1, 1])


def judge(*decisions: list[int]) -> Judged:
    decided = np.array(decisions, dtype=bool)
    return Judged(decided.astype(np.float64), decided, TRUTH, LABELS)


def result_of(judged: Judged) -> AttackResult:
    return attack_result(
        judged,
        name="after",
        kind="transmia",
        goal="membership",
        on="cbig/source",
        queries={"cbig/source": 8},
        notes={"epochs": 3},
        seconds=1.5,
    )


def test_class_averages_by_hand() -> None:
    # class 0: one of two members found, one false alarm; class 1: both found, no alarm
    found = macro(judge([1, 0, 1, 0, 1, 1, 0, 0]))
    assert found.accuracy == pytest.approx((0.5 + 1.0) / 2)
    assert found.precision == pytest.approx((0.5 + 1.0) / 2)
    assert found.recall == pytest.approx((0.5 + 1.0) / 2)
    assert (found.num_classes, found.num_without_positives) == (2, 0)


def test_a_class_without_positive_decisions_is_left_out_of_precision_and_counted() -> None:
    found = macro(judge([1, 1, 1, 0, 0, 0, 0, 0]))
    assert found.precision == pytest.approx(2 / 3)
    assert found.recall == pytest.approx(0.5)
    assert found.num_without_positives == 1


def test_class_averages_are_means_over_repeats() -> None:
    found = macro(judge([1, 1, 0, 0, 1, 1, 0, 0], [0] * 8))
    assert found.accuracy == pytest.approx(0.75)
    assert found.precision == pytest.approx(1.0)  # the second repeat has none
    assert found.num_without_positives == 1.0  # none in the first, two in the second


def test_without_any_positive_decision_there_is_no_precision() -> None:
    result = result_of(judge([0] * 8))
    assert result.precision is None
    assert result.macro.precision is None


def test_the_spread_over_repeats_is_the_standard_deviation_of_a_sample() -> None:
    spread = over_repeats(judge([1, 1, 0, 0, 1, 1, 0, 0], [1, 0, 0, 0, 1, 0, 0, 0]))
    assert spread["recall"].mean == pytest.approx(0.75)
    assert spread["recall"].std == pytest.approx(np.std([1.0, 0.5], ddof=1))
    assert spread["recall"].num_repeats == 2
    assert {"auc", "accuracy", "precision", "recall", "f1", "macro_precision"} <= spread.keys()


def test_one_run_has_no_spread() -> None:
    assert over_repeats(judge([1, 0] * 4)) == {}


def test_repeats_that_leave_precision_undefined_are_not_counted_in_its_spread() -> None:
    spread = over_repeats(judge([1, 1, 0, 0, 1, 1, 0, 0], [1, 0, 1, 0, 0, 0, 0, 0], [0] * 8))
    assert spread["precision"].num_repeats == 2
    assert spread["recall"].num_repeats == 3


def test_a_result_carries_everything_the_report_says_and_is_plain_json() -> None:
    generator = np.random.default_rng(0)
    truth = np.arange(400) < 200
    scores = generator.normal(size=(3, 400)) + truth
    result = result_of(Judged(scores, scores > 0.5, truth, np.arange(400) % 10))
    assert (result.num_members, result.num_non_members) == (200, 200)
    assert [point.fpr for point in result.tpr_at_fpr] == [0.1]
    assert result.over_repeats["tpr@0.1"].num_repeats == 3
    assert result.macro.accuracy == pytest.approx(result.accuracy.value)  # classes are of one size
    for found in (result.auc, result.accuracy, result.precision, result.recall, result.f1):
        assert found is not None
        assert found.low < found.value < found.high
    assert AttackResult.model_validate_json(json.dumps(result.model_dump(), allow_nan=False)) == result
