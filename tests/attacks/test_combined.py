from dataclasses import replace

import numpy as np
import pytest
from pydantic import ValidationError

from leakdrill.attacks import Boundary, Combined
from leakdrill.attacks.boundary import GREY_LEVELS, search_images, start_pool
from leakdrill.contract.worlds import LocalOracle, world
from leakdrill.data.examples import Examples
from leakdrill.errors import ScenarioError
from leakdrill.labelonly.augmentations import translations
from leakdrill.models.fit import Fit
from leakdrill.seeds import derive

QUICK = Fit(epochs=8, batch_size=16, learning_rate=0.05)
ATTACK = Combined(queries_per_example=75, tuning_examples=10, attack_model="threshold", fit=QUICK)


def test_the_default_is_five_searches_of_2500_queries() -> None:
    assert (Combined().num_copies, Combined().queries_per_copy) == (5, Boundary().queries_per_example)
    assert Combined().most_queries(2) == 25_000


def test_what_does_not_divide_among_the_copies_is_not_spent() -> None:
    assert Combined(queries_per_example=79).most_queries(1) == 75


def test_a_budget_that_cannot_begin_every_search_is_refused_when_it_is_written() -> None:
    with pytest.raises(
        ValidationError, match="queries_per_example is 26 for 9 searches: wanted 27 or more, 3 for each"
    ):
        Combined(queries_per_example=26, pixels=2)


def test_no_example_costs_more_than_the_budget() -> None:
    here = world("memoriser", per_class=5)
    verdict = ATTACK.run(here.view)
    assert verdict.notes["queries_per_example"]["max"] <= 75
    assert here.num_asked["cbig/source"] == round(40 * verdict.notes["queries_per_example"]["mean"]) <= 40 * 75


def test_the_score_is_the_mean_distance_of_the_example_and_its_shifted_copies_less_a_threshold() -> None:
    view = world("memoriser", per_class=5).view
    own, labels = start_pool(view.shadow_pools()[1], view.seed), view.challenge.labels
    oracle, seed = view.oracles["cbig/source"], derive(view.seed, "challenge")
    mean = np.zeros(len(labels))
    for copy in translations(view.challenge.inputs, 1).swapaxes(0, 1):
        ask = lambda images: oracle.query(images.astype(np.uint8), "label")  # noqa: E731
        mean += search_images(ask, Examples(copy, labels), own, 15, "l2", seed).distances / 5 / GREY_LEVELS
    scores = ATTACK.run(view).scores
    np.testing.assert_allclose(scores - scores[0], mean - mean[0], atol=1e-9)


def test_an_example_of_which_every_search_failed_is_scored_at_the_threshold_called_out_and_counted() -> None:
    here = world("memoriser", per_class=5)
    everything_is_2 = np.eye(4, dtype=np.float32)[[2]]
    oracle = LocalOracle("cbig/source", 4, lambda inputs: everything_is_2.repeat(len(inputs), axis=0))
    verdict = ATTACK.run(replace(here.view, oracles={"cbig/source": oracle}))
    failed = here.view.challenge.labels == 2
    assert verdict.notes["without_any_distance"] == failed.sum()
    assert verdict.notes["failed_searches"] == 5 * failed.sum()
    assert (verdict.scores[failed] == 0).all()
    assert not verdict.decisions.any()


def test_a_shadow_model_that_gives_one_label_to_everything_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "leakdrill.attacks.tuning.shadow_tuned.predict", lambda model, images: np.tile([1.0, 0, 0, 0], (len(images), 1))
    )
    here = world("memoriser", per_class=5).view
    only_zeros = [pool.take(np.flatnonzero(pool.labels == 0)) for pool in here.shadow_pools()]
    with pytest.raises(ScenarioError, match="no boundary found around 20 examples of the shadow model"):
        ATTACK.run(replace(here, shadow_train=only_zeros[0], shadow_test=only_zeros[1]))


def test_vectors_are_refused_before_anything_is_asked() -> None:
    here = world("memoriser", per_class=5)
    challenge = here.view.challenge
    vectors = Examples(challenge.inputs.reshape(len(challenge), -1), challenge.labels)
    with pytest.raises(ScenarioError, match="combined moves the pixels of images"):
        ATTACK.run(replace(here.view, challenge=vectors))
    assert here.num_asked["cbig/source"] == 0
