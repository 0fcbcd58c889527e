"""What the DNN and the SVM owe alike, on clouds of points whose answer is known."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from leakdrill.attacks.attack_models import Fitter, fit_dnn, fit_svm
from leakdrill.attacks.attack_models.groups import Grouped

both = pytest.mark.parametrize("fit", [fit_dnn, fit_svm])


def clouds(shift: float, per_kind: int = 200, seed: int = 0, members_share: float = 0.5) -> Grouped:
    """Three groups in 4 dimensions; members are `shift` further along an axis of their group's."""
    generator = np.random.default_rng(seed)
    groups = np.repeat(np.arange(3), 2 * per_kind)
    is_member = generator.random(len(groups)) < members_share
    directions = np.eye(3, 4)[groups] * np.where(groups == 1, -1, 1)[:, np.newaxis]
    inputs = 100 + generator.normal(size=(len(groups), 4)) + shift * is_member[:, np.newaxis] * directions
    return Grouped(inputs, groups, is_member)


@both
def test_separable_groups_are_separated_each_its_own_way(fit: Fitter) -> None:
    fresh = clouds(shift=6, seed=1)
    scores, decisions = fit(clouds(shift=6), 0)(fresh.inputs, fresh.groups)
    for group in range(3):
        own = fresh.groups == group
        assert roc_auc_score(fresh.is_member[own], scores[own]) > 0.97
        assert (decisions == fresh.is_member)[own].mean() > 0.93


@both
def test_where_there_is_nothing_to_learn_scores_are_at_chance(fit: Fitter) -> None:
    fresh = clouds(shift=0, seed=1)
    scores, _ = fit(clouds(shift=0), 0)(fresh.inputs, fresh.groups)
    assert abs(roc_auc_score(fresh.is_member, scores) - 0.5) < 0.06


@both
def test_a_lopsided_training_set_does_not_tilt_the_decisions(fit: Fitter) -> None:
    fresh = clouds(shift=1, seed=1)
    _, decisions = fit(clouds(shift=1, members_share=0.85), 0)(fresh.inputs, fresh.groups)
    assert 0.3 < decisions.mean() < 0.7


@both
def test_the_same_seed_gives_the_same_scores(fit: Fitter) -> None:
    records = clouds(shift=1, per_kind=20)
    once, again = (fit(records, 3)(records.inputs, records.groups)[0] for _ in range(2))
    np.testing.assert_array_equal(once, again)


@both
def test_a_group_of_two_records_and_a_constant_input_are_no_trouble(fit: Fitter) -> None:
    records = Grouped(np.array([[0.0, 1.0], [1.0, 1.0]]), np.array([0, 0]), np.array([False, True]))
    scores, decisions = fit(records, 0)(records.inputs, records.groups)
    assert np.isfinite(scores).all()
    assert decisions.shape == (2,)


@both
def test_what_never_varied_in_the_records_of_a_group_decides_nothing(fit: Fitter) -> None:
    records = clouds(shift=2, per_kind=60)
    records.inputs[records.groups == 1, 3] = 1.0
    asked = records.inputs[records.groups == 1]
    otherwise = asked * [1, 1, 1, 0]
    judge, own = fit(records, 0), np.ones(len(asked), np.int64)
    np.testing.assert_allclose(judge(otherwise, own)[0], judge(asked, own)[0], atol=1e-6)


def test_networks_of_different_groups_learn_nothing_from_each_other() -> None:
    records = clouds(shift=2, per_kind=60)
    others = records.inputs.copy()
    others[records.groups != 0] += 3
    judged = [
        fit_dnn(Grouped(inputs, records.groups, records.is_member), 0)(records.inputs[:5], records.groups[:5])[0]
        for inputs in (records.inputs, others)
    ]
    np.testing.assert_allclose(judged[0], judged[1], rtol=1e-5)
