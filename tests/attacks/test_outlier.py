from dataclasses import replace

import numpy as np
import pytest

from leakdrill.attacks import Boundary, ConfidenceThreshold, Outlier
from leakdrill.attacks.outlier import nth_neighbour_distances
from leakdrill.contract.worlds import world
from leakdrill.errors import ScenarioError
from leakdrill.models.fit import Fit

QUICK = Fit(epochs=8, batch_size=16, learning_rate=0.05)
BY = ConfidenceThreshold(statistic="loss", fit=QUICK)
ATTACK = Outlier(by=BY, alpha=0.1)


def test_the_defaults_are_those_of_figure_11() -> None:
    assert (Outlier().alpha, Outlier().gamma, Outlier().by) == (0.02, 10, Boundary())


def test_the_nth_neighbour_is_counted_in_angles_and_without_oneself() -> None:
    degrees = np.radians([0, 10, 20, 90])
    features = np.stack([np.cos(degrees), np.sin(degrees)], axis=1) * [[1], [5], [2], [3]]
    expected = 1 - np.cos(np.radians([[10, 10, 10, 70], [20, 10, 20, 80]]))
    np.testing.assert_allclose(nth_neighbour_distances(features, 1), expected[0], atol=1e-9)
    np.testing.assert_allclose(nth_neighbour_distances(features, 2), expected[1], atol=1e-9)
    np.testing.assert_array_equal(nth_neighbour_distances(np.zeros((3, 2)), 1), 1)


def test_only_outliers_are_asked_about_and_called_in() -> None:
    here = world("memoriser", per_class=20)
    verdict = ATTACK.run(here.view)
    assert verdict.notes["outliers"] == here.num_asked["cbig/source"] == ATTACK.most_queries(160) == 16
    assert verdict.abstained is not None
    assert (~verdict.abstained).sum() == 16
    assert not verdict.decisions[verdict.abstained].any()
    assert (verdict.decisions == (verdict.scores > 0)).all()
    assert verdict.notes["outliers_called_in"] == verdict.decisions.sum() > 0


def test_an_outlier_is_judged_as_it_would_be_among_all() -> None:
    view = world("memoriser", per_class=20).view
    verdict, of_all = ATTACK.run(view), BY.run(view)
    assert verdict.abstained is not None
    is_outlier = ~verdict.abstained
    np.testing.assert_array_equal(verdict.scores[is_outlier], of_all.scores[is_outlier])


def test_those_that_are_called_in_are_members_of_a_memoriser() -> None:
    here = world("memoriser", per_class=50)
    decisions = ATTACK.run(here.view).decisions
    assert here.is_member[decisions].mean() > 0.7


def test_examples_that_are_all_alike_have_no_outliers() -> None:
    here = world("memoriser", per_class=5).view
    alike = replace(here.challenge, inputs=np.repeat(here.challenge.inputs[:1], 40, axis=0))
    with pytest.raises(ScenarioError, match="as many as 5 targets are equally far from their neighbours"):
        ATTACK.run(replace(here, challenge=alike))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"gamma": 40}, "gamma is 40, and 40 targets have 39 neighbours"),
        ({"alpha": 0.02}, "alpha 0.02 of 40 targets is less than one outlier: raise alpha"),
    ],
)
def test_too_few_targets_are_refused_before_anything_is_asked(changes: dict[str, float], message: str) -> None:
    here, attack = world("memoriser", per_class=5), ATTACK.model_copy(update=changes)
    with pytest.raises(ScenarioError, match=message):
        attack.most_queries(len(here.view.challenge))  # which is looked at before the source model is trained
    with pytest.raises(ScenarioError, match=message):
        attack.run(here.view)
    assert here.num_asked["cbig/source"] == 0


def test_it_is_written_with_the_attack_that_judges_inside_it() -> None:
    written = {"kind": "outlier", "by": {"kind": "boundary", "queries_per_example": 50}, "alpha": 0.1}
    assert Outlier.model_validate(written).by == Boundary(queries_per_example=50)
    assert Outlier().needs == Boundary().needs
