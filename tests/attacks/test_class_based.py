from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError
from sklearn.metrics import roc_auc_score

from leakdrill.attacks.base import ARCHITECTURE, AUXILIARY_FACES, EMBEDDINGS
from leakdrill.attacks.class_based import MEASURES, ClassBased
from leakdrill.attacks.people.face_api import FaceApi, largest
from leakdrill.contract.people import world_of_people
from leakdrill.contract.worlds import LocalOracle
from leakdrill.data.examples import Examples
from leakdrill.errors import InvalidInput, ScenarioError
from leakdrill.models.fit import Fit


def test_every_photo_of_a_person_gets_the_persons_score_and_half_of_the_people_are_said_to_be_in() -> None:
    here = world_of_people("memoriser", photos=3)
    verdict = ClassBased().run(here.view)
    labels = here.view.challenge.labels
    of_person = [np.unique(verdict.scores[labels == label]) for label in np.unique(labels)]
    assert all(len(scores) == 1 for scores in of_person)
    assert verdict.decisions.mean() == 0.5
    assert verdict.notes.items() >= {"identities": 200, "fewest_photos": 3, "most_photos": 3}.items()


def test_the_names_of_the_classes_say_nothing() -> None:
    here = world_of_people("memoriser")
    names = np.random.default_rng(0).permutation(1000)[here.view.challenge.labels]
    renamed = replace(here.view, challenge=replace(here.view.challenge, labels=names))
    np.testing.assert_array_equal(ClassBased().run(renamed).scores, ClassBased().run(here.view).scores)


def test_the_untrained_control_asks_nobody_and_finds_nothing() -> None:
    here = world_of_people("memoriser")
    control = ClassBased(extractor="untrained")
    assert control.needs == {ARCHITECTURE}
    assert ClassBased().needs == {EMBEDDINGS}
    scores = control.run(here.view).scores
    assert not any(here.num_asked.values())
    assert abs(scores[here.is_member].mean() - scores[~here.is_member].mean()) < 0.2 * scores.std()


def test_the_untrained_control_must_know_the_architecture() -> None:
    here = world_of_people("null")
    with pytest.raises(ScenarioError, match=r"grant adversary\.knows\.architecture"):
        ClassBased(extractor="untrained").run(replace(here.view, architecture=None))


def test_where_all_have_a_single_photo_there_is_an_error_and_no_score() -> None:
    with pytest.raises(InvalidInput, match="200 of 200 classes have a single photo"):
        ClassBased().run(world_of_people("null", photos=1).view)


@pytest.mark.parametrize("api", ["features", "recognition", "verification"])
def test_of_a_person_with_a_single_photo_nothing_is_said(api: FaceApi) -> None:
    here = world_of_people("memoriser", photos=3)
    labels = here.view.challenge.labels
    alone = np.flatnonzero(labels == 7)[0]
    kept = np.flatnonzero((labels != 7) | (np.arange(len(labels)) == alone))
    verdict = ClassBased(api=api).run(replace(here.view, challenge=here.view.challenge.take(kept)))
    assert verdict.abstained is not None
    assert np.flatnonzero(verdict.abstained).tolist() == np.flatnonzero(kept == alone).tolist()
    assert verdict.notes.items() >= {"identities": 199, "fewest_photos": 3, "most_photos": 3}.items()


@pytest.mark.parametrize("api", ["features", "recognition", "verification"])
def test_whoever_lies_closer_together_is_ranked_above_and_never_flipped(api: FaceApi) -> None:
    here = world_of_people("memoriser", photos=4)
    verdict = ClassBased(api=api).run(here.view)
    assert roc_auc_score(here.is_member, verdict.scores) > 0.95


def test_the_median_and_the_variance_of_distances_are_measures_too() -> None:
    here = world_of_people("memoriser", photos=5)
    for measure in MEASURES["verification"]:
        verdict = ClassBased(api="verification", measure=measure).run(here.view)
        assert roc_auc_score(here.is_member, verdict.scores) > 0.8


@pytest.mark.parametrize(
    ("api", "measure"), [("features", "mean"), ("recognition", "median"), ("verification", "spread")]
)
def test_a_measure_that_an_api_does_not_allow_is_refused(api: str, measure: str) -> None:
    with pytest.raises(ValidationError, match=f"measure {measure} is none of"):
        ClassBased.model_validate({"api": api, "measure": measure})


def test_an_adversary_who_averages_asks_so_many_times_and_sees_through_fresh_noise() -> None:
    here = world_of_people("memoriser")
    features = here.view.oracle("csmall/features")
    noise = np.random.default_rng(0)

    class Noisy(LocalOracle):
        def query(self, inputs: Any, output: Any = "scores") -> Any:
            clean = super().query(inputs, output)
            return (clean + noise.normal(scale=0.3, size=clean.shape)).astype(np.float32)

    noisy = Noisy("csmall/features", 0, lambda images: features.query(images, "embedding"), None, features.outputs)
    view = replace(here.view, oracles={"csmall/features": noisy})
    once, often = (ClassBased(average=times).run(view).scores for times in (1, 30))
    assert noisy.num_asked == 31 * len(here.view.challenge)
    assert roc_auc_score(here.is_member, often) > roc_auc_score(here.is_member, once) + 0.05


def test_the_two_readings_of_the_k_largest_scores() -> None:
    scores = np.array([[0.1, 0.6, 0.3], [0.4, 0.2, 0.4]], np.float32)
    np.testing.assert_array_equal(largest(scores, 2, "ranks"), np.array([[0.6, 0.3], [0.4, 0.4]], np.float32))
    zeros = np.array([[0, 0.6, 0.3], [0.4, 0, 0.4]], np.float32)
    np.testing.assert_array_equal(largest(scores, 2, "zeros"), zeros)
    np.testing.assert_array_equal(largest(scores, None, "ranks"), scores)
    with pytest.raises(InvalidInput, match="top_k is 4, but recognition gives 3 scores"):
        largest(scores, 4, "ranks")


def test_the_k_largest_scores_are_recognitions() -> None:
    with pytest.raises(ValidationError, match="this attack's api is features"):
        ClassBased(top_k=3)


@pytest.mark.parametrize("api", ["features", "recognition", "verification"])
def test_the_untrained_control_of_every_api_asks_nobody(api: FaceApi) -> None:
    here = world_of_people("memoriser")
    verdict = ClassBased(api=api, extractor="untrained", average=3).run(here.view)
    assert not any(here.num_asked.values())
    assert abs(roc_auc_score(here.is_member, verdict.scores) - 0.5) < 0.1


def test_clusters_of_a_face_model_of_ones_own_stand_in_for_names() -> None:
    here = world_of_people("memoriser")
    faces = Examples(here.view.challenge.inputs[:60], np.arange(60, dtype=np.int64) % 4)
    view = replace(here.view, auxiliary_faces=faces)
    attack = ClassBased(labels="clustered", auxiliary_fit=Fit(epochs=1))
    assert attack.needs == {EMBEDDINGS, AUXILIARY_FACES}
    verdict = attack.run(view)
    clusters = np.array(verdict.notes["clusters"])
    assert len(np.unique(clusters)) == 200
    assert verdict.abstained is not None
    assert (verdict.abstained == (np.bincount(clusters)[clusters] == 1)).all()
    nameless = replace(view.challenge, labels=view.challenge.labels[::-1])  # of whom there are as many
    np.testing.assert_array_equal(attack.run(replace(view, challenge=nameless)).scores, verdict.scores)
    with pytest.raises(ScenarioError, match=r"grant adversary\.knows\.auxiliary_faces"):
        attack.run(here.view)
