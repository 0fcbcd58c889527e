from dataclasses import replace

import numpy as np
import pytest

from leakdrill.attacks import CarliniWagner
from leakdrill.contract.worlds import LARGER, world_of_weights
from leakdrill.data.examples import Examples
from leakdrill.errors import NotReady, ScenarioError
from leakdrill.models.fit import Fit

ATTACK = CarliniWagner(
    iterations=8, steps_of_c=3, tuning_examples=10, arch=LARGER, fit=Fit(epochs=8, batch_size=16, learning_rate=0.05)
)


def test_it_needs_the_whole_source_model_and_asks_nobody() -> None:
    assert CarliniWagner().needs == {"source_model", "shadow_examples", "architecture"}
    here = world_of_weights("memoriser", per_class=5)
    verdict = ATTACK.run(replace(here.view, oracles={}))
    assert np.isfinite(verdict.scores).all()
    assert ATTACK.most_queries(40) == 0


def test_misclassified_examples_have_distance_0_and_the_lowest_score() -> None:
    here = world_of_weights("memoriser", per_class=5)
    verdict = ATTACK.run(here.view)
    lowest = verdict.scores == -verdict.notes["threshold"]
    assert lowest.sum() == verdict.notes["misclassified"] > 0
    assert verdict.scores.min() == -verdict.notes["threshold"]
    assert not verdict.decisions[lowest].any()


def test_g_s_alone_or_a_model_of_another_task_is_not_enough() -> None:
    here = world_of_weights("memoriser", per_class=5).view
    assert here.leaked is not None
    with pytest.raises(NotReady, match="put a breach of artefact: source_model before this attack"):
        ATTACK.run(replace(here, leaked=here.leaked.feature_extractor()))
    with pytest.raises(NotReady, match="the source model has not leaked"):
        ATTACK.run(replace(here, leaked=None))
    with pytest.raises(ScenarioError, match="what leaked has 4 classes, and the challenge is of 5"):
        ATTACK.run(replace(here, num_classes=5))


def test_vectors_are_refused() -> None:
    here = world_of_weights("memoriser", per_class=5).view
    vectors = Examples(here.challenge.inputs.reshape(40, -1), here.challenge.labels)
    with pytest.raises(ScenarioError, match="carlini_wagner moves the pixels of images"):
        ATTACK.run(replace(here, challenge=vectors))
