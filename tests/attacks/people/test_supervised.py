from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.discriminant_analysis import QuadraticDiscriminantAnalysis
from sklearn.metrics import roc_auc_score

from leakdrill.attacks.base import DISTANCES, EMBEDDINGS, LABELLED_IDENTITIES
from leakdrill.attacks.class_based_aux import ClassBasedAux
from leakdrill.attacks.first_cut import FirstCut
from leakdrill.attacks.people.supervised import Classifier, learn, told
from leakdrill.contract.people import world_of_people
from leakdrill.errors import ScenarioError


def two_clouds(seed: int, num: int = 300) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Members about 0 with deviations of 1, others about (2, 0, 0) with deviations of 2."""
    generator = np.random.default_rng(seed)
    is_member = np.arange(num) % 2 == 0
    widths = np.where(is_member, 1.0, 2.0)[:, None]
    return generator.normal(size=(num, 3)) * widths + ~is_member[:, None] * np.array([2.0, 0, 0]), is_member


@pytest.mark.parametrize("kind", ["logistic", "forest", "svm", "qda"])
def test_a_classifier_scores_members_higher_and_decides_at_0(kind: Classifier) -> None:
    inputs, is_member = two_clouds(0)
    others, truth = two_clouds(1)
    scores = learn(kind, inputs, is_member, others, seed=3)
    assert roc_auc_score(truth, scores) > 0.75
    assert ((scores > 0) == truth).mean() > 0.7
    np.testing.assert_array_equal(learn(kind, inputs, is_member, others, seed=3), scores)


def test_qda_is_near_scikit_learns_where_there_is_enough_to_fill_a_covariance() -> None:
    inputs, is_member = two_clouds(0, 3000)
    others, _ = two_clouds(1)
    wanted = QuadraticDiscriminantAnalysis().fit(inputs, is_member).decision_function(others)
    assert np.corrcoef(learn("qda", inputs, is_member, others, seed=0), wanted)[0, 1] > 0.98


def test_qda_with_more_inputs_than_people_is_no_division_by_nothing() -> None:
    inputs = np.random.default_rng(0).normal(size=(20, 50))
    assert np.isfinite(learn("qda", inputs, np.arange(20) < 10, inputs, seed=0)).all()


def test_members_and_others_of_one_name_are_two_people() -> None:
    view = replace(world_of_people("null").view)
    inputs, names, is_member = told(view)
    assert len(inputs) == len(names) == 400
    assert not set(names[is_member]) & set(names[~is_member])
    assert len(np.unique(names)) == 200


def test_first_cut_through_verification_is_told_of_nobody_and_played_at_once() -> None:
    assert FirstCut(api="verification").needs == {DISTANCES}
    assert FirstCut(api="verification").folding is None
    assert FirstCut().needs == {EMBEDDINGS, LABELLED_IDENTITIES}
    assert FirstCut(folds=3).folding is not None


def test_a_photos_distance_is_to_another_photo_of_the_same_person() -> None:
    here = world_of_people("memoriser", photos=2)
    verdict = FirstCut(api="verification").run(here.view)
    labels = here.view.challenge.labels
    assert all(len(np.unique(verdict.scores[labels == label])) == 1 for label in np.unique(labels))  # both ways


def test_people_as_a_whole_tell_more_than_photos_one_by_one() -> None:
    here = world_of_people("memoriser", photos=4)
    first_cut, class_based = FirstCut().run(here.view), ClassBasedAux(num_components=10).run(here.view)
    assert roc_auc_score(here.is_member, first_cut.scores) < 0.6
    assert roc_auc_score(here.is_member, class_based.scores) > 0.9


def test_without_labelled_people_there_is_nothing_to_learn_from() -> None:
    view = replace(world_of_people("null").view, labelled_members=None)
    with pytest.raises(ScenarioError, match=r"grant adversary\.knows\.labelled_identities"):
        FirstCut().run(view)


def test_the_untrained_control_learns_from_labels_too_and_asks_nobody() -> None:
    here = world_of_people("memoriser")
    for attack in (FirstCut(extractor="untrained"), ClassBasedAux(extractor="untrained")):
        assert LABELLED_IDENTITIES in attack.needs
        assert abs(roc_auc_score(here.is_member, attack.run(here.view).scores) - 0.5) < 0.13
    assert not any(here.num_asked.values())
