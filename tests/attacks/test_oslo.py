from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pydantic import ValidationError

from leakdrill.attacks import Oslo
from leakdrill.attacks.tuning.one_query import Known, Rehearsal
from leakdrill.data.examples import Examples
from leakdrill.labelonly.transferred import perturb
from tests.labelonly.linear_models import linear

EXAMPLES = Examples(np.full((4, 1, 2, 3), 150, np.uint8), np.zeros(4, np.int64))
MEMBERS = np.array([True, True, False, False])
STEEP, FLAT = linear([[4.0] * 6, [-4.0] * 6], [0, 0]), linear([[1.0] * 6, [-1.0] * 6], [0, 0])


def rehearsal() -> Rehearsal:
    """The victim is surer of a label than its helpers are: it is fooled later, of every example alike."""
    is_in = np.concatenate([MEMBERS[np.newaxis], ~MEMBERS[np.newaxis], np.zeros((4, 4), np.bool_)])
    victim = linear([[1.0] * 6, [-1.0] * 6], [1.0, 0.0])
    return Rehearsal(Known([victim, FLAT, *[FLAT] * 4], is_in, EXAMPLES, lambda share: None))


def test_without_thresholds_there_is_one_and_it_is_the_best_on_a_shadow() -> None:
    everywhere_out = Known([FLAT] * 6, np.zeros((6, 4), np.bool_), EXAMPLES, lambda share: None)
    verdict = Oslo(iterations=1).judge(rehearsal(), everywhere_out, lambda images: MEMBERS)
    by_threshold = verdict.notes["rehearsed_accuracy_by_threshold"]
    (chosen,) = verdict.notes["thresholds"]
    assert by_threshold[f"{chosen:g}"] == max(by_threshold.values())
    np.testing.assert_array_equal(verdict.decisions, MEMBERS)


@pytest.mark.parametrize(("num_shadows", "helpers"), [(6, (1, 1)), (12, (4, 1)), (18, (6, 2))])
def test_as_many_models_help_against_the_victim_as_where_the_threshold_was_tuned(
    num_shadows: int, helpers: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    counted: list[tuple[NDArray[np.int64], NDArray[np.int64]]] = []

    def counting(models: object, is_source: NDArray[np.bool_], is_validation: NDArray[np.bool_], *rest: Any) -> Any:
        counted.append((is_source.sum(axis=0), is_validation.sum(axis=0)))
        return perturb(models, is_source, is_validation, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr("leakdrill.attacks.oslo.perturb", counting)
    in_first = np.random.default_rng(0).random((num_shadows // 2, 4)) < 0.5
    is_in = np.stack([in_first, ~in_first], axis=1).reshape(num_shadows, 4)
    own = Known([FLAT] * num_shadows, is_in, EXAMPLES, lambda share: None)
    challenged = Known([FLAT] * num_shadows, np.zeros_like(is_in), EXAMPLES, lambda share: None)
    Oslo(iterations=1, max_perturbation=1).judge(Rehearsal(own), challenged, lambda images: MEMBERS)
    assert len(counted) == 2  # the rehearsal, and the challenge
    for sources, validation in counted:
        assert (sources.tolist(), validation.tolist()) == ([helpers[0]] * 4, [helpers[1]] * 4)


def test_who_keeps_the_label_further_away_ranks_higher_among_equals() -> None:
    is_in = np.zeros((6, 4), np.bool_)
    brighter = EXAMPLES.inputs + np.array([0, 10, 0, 10], np.uint8)[:, np.newaxis, np.newaxis, np.newaxis]
    known = Known([FLAT] * 6, is_in, Examples(brighter, EXAMPLES.labels), lambda share: None)
    verdict = Oslo(iterations=1, thresholds=(0.4,)).judge(rehearsal(), known, lambda images: MEMBERS)
    assert verdict.scores[1] > verdict.scores[0] >= 0 > verdict.scores[3] > verdict.scores[2]
    assert verdict.notes["tied_scores"] == 0


def test_an_example_that_no_budget_moves_far_enough_is_counted() -> None:
    known = Known([STEEP] * 6, np.zeros((6, 4), np.bool_), EXAMPLES, lambda share: None)
    attack = Oslo(iterations=1, thresholds=(0.4,), max_perturbation=5)
    assert attack.judge(rehearsal(), known, lambda images: MEMBERS).notes["not_fooled"] == [4]


@pytest.mark.parametrize("wrong", [{"mode": "online"}, {"thresholds": [1.0]}, {"num_shadows": 4}, {"num_shadows": 7}])
def test_options_that_make_no_sense_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Oslo.model_validate({"kind": "oslo", **wrong})
