from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

from leakdrill.archs import FullyConnected
from leakdrill.attacks import Boundary, Gap
from leakdrill.attacks.base import View
from leakdrill.attacks.boundary import _within, search_rows
from leakdrill.attacks.tuning.shadow_tuned import ShadowModel, ShadowModels
from leakdrill.contract.worlds import LocalOracle, world
from leakdrill.data.examples import Examples
from leakdrill.errors import ScenarioError
from leakdrill.labelonly.columns import Columns
from leakdrill.labelonly.hopskipjump import MISCLASSIFIED, NO_START, SEARCHED, Search
from leakdrill.labelonly.trace import Trace
from leakdrill.models.fit import Fit

QUICK = Fit(epochs=8, batch_size=16, learning_rate=0.05)
ATTACK = Boundary(queries_per_example=30, tuning_examples=10, fit=QUICK)


def test_the_default_budget_is_that_of_section_5_5() -> None:
    assert (Boundary().queries_per_example, Boundary().norm) == (2500, "l2")


def test_misclassified_examples_have_the_lowest_score_of_all_and_are_out() -> None:
    view = world("memoriser").view
    predicted = view.oracles["cbig/source"].query(view.challenge.inputs, "label")
    verdict = ATTACK.run(view)
    wrong = predicted != view.challenge.labels
    assert verdict.notes["misclassified"] == wrong.sum() > 0
    assert (verdict.scores[wrong] == -verdict.notes["threshold"]).all()
    assert (verdict.scores[~wrong] > -verdict.notes["threshold"]).all()
    assert not verdict.decisions[wrong].any()


def test_scores_are_distances_less_the_threshold_in_units_of_the_range() -> None:
    verdict = ATTACK.run(world("memoriser").view)
    distances = verdict.scores + verdict.notes["threshold"]
    assert distances.min() >= 0
    assert distances.max() < np.sqrt(8 * 8 * 3)


def test_a_failed_search_is_scored_at_the_threshold_called_out_and_counted() -> None:
    here = world("memoriser", per_class=10)
    everything_is_2 = np.eye(4, dtype=np.float32)[[2]]
    oracle = LocalOracle("cbig/source", 4, lambda inputs: everything_is_2.repeat(len(inputs), axis=0))
    verdict = ATTACK.run(replace(here.view, oracles={"cbig/source": oracle}))
    failed = here.view.challenge.labels == 2
    assert verdict.notes["failed_searches"] == failed.sum()
    assert (verdict.scores[failed] == 0).all()
    assert not verdict.decisions.any()


def test_a_shadow_model_that_gives_one_label_to_everything_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "leakdrill.attacks.tuning.shadow_tuned.predict", lambda model, images: np.tile([1.0, 0, 0, 0], (len(images), 1))
    )
    here = world("memoriser", per_class=5).view
    only_zeros = here.shadow_test.take(np.flatnonzero(here.shadow_test.labels == 0))
    with pytest.raises(ScenarioError, match="no boundary found around 20 examples of the shadow models"):
        ATTACK.model_copy(update={"shadow_size": 15}).run(
            replace(
                here,
                shadow_train=here.shadow_train.take(np.flatnonzero(here.shadow_train.labels == 0)),
                shadow_test=only_zeros,
            )
        )


def test_a_class_without_a_start_image_of_another_starts_from_noise_or_is_counted() -> None:
    view = world("memoriser", per_class=10).view
    assert view.shadow_test is not None
    only_zeros = replace(view, shadow_test=view.shadow_test.take(np.flatnonzero(view.shadow_test.labels == 0)))
    verdict = ATTACK.model_copy(update={"shadow_size": 15}).run(only_zeros)
    assert np.isfinite(verdict.scores).all()
    failed = verdict.notes["failed_searches"]
    assert failed == (verdict.scores == 0).sum() < (view.challenge.labels == 0).sum()


def test_the_notes_say_what_a_query_buys_on_the_shadow_model() -> None:
    curve = ATTACK.run(world("memoriser").view).notes["shadow_auc_by_queries"]
    assert list(curve) == ["1", "5", "14", "30"]
    assert all(0 <= auc <= 1 for auc in curve.values())


def test_with_one_query_it_is_the_gap_attack() -> None:
    view = world("memoriser").view
    first = ATTACK.run(view).by_queries[1]
    np.testing.assert_array_equal(first > 0, Gap().run(view).by_queries[1] > 0)
    assert len(np.unique(first)) == 2


def search(after_2: list[float], after_14: list[float], outcomes: list[int]) -> Search:
    """Of examples with two pixels, whose distances were found with their queries number 2 and 14."""
    rows, trace = np.arange(len(outcomes)), Trace(len(outcomes))
    for number, distances in ((2, np.array(after_2)), (14, np.array(after_14))):
        known = rows[~np.isnan(distances)]
        trace.record(known, np.full(len(known), number), distances[known])
    points, queries = np.zeros((len(outcomes), 2), np.float32), np.full(len(outcomes), 14)
    return Search(np.array(after_14), points, queries, np.array(outcomes), trace)


def test_labels_decide_while_they_tell_the_shadow_models_members_no_worse_and_distances_from_then_on() -> None:
    nan = np.nan
    outcomes = [SEARCHED, SEARCHED, SEARCHED, MISCLASSIFIED]
    on_shadow = search([10, 11, 19, 0], [9, 8, 2, 0], outcomes)  # two members first; start images say the opposite
    shadow = ShadowModel(torch.nn.Sequential(), lambda x: x, world("null").view.challenge, np.arange(4) < 2)
    shadows = ShadowModels((shadow,))
    found = search([11, 9, nan, 0], [7, 3, nan, 0], [SEARCHED, SEARCHED, NO_START, MISCLASSIFIED])
    assert _within(2, found, on_shadow, shadows).tolist() == [1, 1, 1, -1]
    at_14 = _within(14, found, on_shadow, shadows)
    assert at_14.tolist() == [2, -2, 0, -5]  # a cut of 5; a search that has failed says nothing


def test_the_rule_for_each_budget_is_the_shadow_models_and_not_the_challenges() -> None:
    here = world("memoriser")
    some = here.view.challenge.take(np.arange(0, 400, 40))
    whole, part = (ATTACK.run(view).by_queries for view in (here.view, replace(here.view, challenge=some)))
    for queries, scores in whole.items():
        np.testing.assert_array_equal(part[queries], scores[::40])


def test_a_part_of_the_challenge_scores_as_the_whole_does() -> None:
    view = world("memoriser").view
    some = np.arange(0, 400, 40)
    np.testing.assert_array_equal(
        ATTACK.run(replace(view, challenge=view.challenge.take(some))).scores, ATTACK.run(view).scores[some]
    )


def rows(generator: np.random.Generator, count: int) -> Examples:
    """Two columns of very different ranges, and eight bits; the label is the first bit."""
    inputs = generator.integers(0, 2, (count, 10)).astype(np.float32)
    inputs[:, 8:] = generator.random((count, 2)) * [0.001, 1000]
    return Examples(inputs, inputs[:, 0].astype(np.int64))


def test_distances_of_rows_are_in_shares_of_the_columns_ranges() -> None:
    pool = rows(np.random.default_rng(3), 500)
    asked = rows(np.random.default_rng(4), 20)
    normal = np.array([2, 0, 0, 0, 0, 0, 0, 0, 1000, 0.001])  # by range: 2, 1 and 1
    labels = (asked.inputs @ normal > 2).astype(np.int64)
    columns = Columns.of(pool)
    predict_label = lambda inputs: (inputs @ normal > 2).astype(np.int64)  # noqa: E731
    found = search_rows(columns, predict_label, Examples(asked.inputs, labels), pool, 1000, "l2", seed=1)
    distances = np.abs(asked.inputs @ normal - 2) / np.sqrt(6)
    assert (found.outcomes == SEARCHED).all()
    assert np.median(found.distances / distances) == pytest.approx(1.02, abs=0.04)


def test_a_memoriser_of_rows_is_found_out() -> None:
    generator = np.random.default_rng(5)
    challenge, train, test = rows(generator, 60), rows(generator, 60), rows(generator, 60)
    is_member = np.arange(60) % 2 == 0

    def answer(inputs: np.ndarray) -> np.ndarray:
        """The label of the nearest of the challenge; of a member also far away, of anything else only close by."""
        unit = np.array([1] * 8 + [1000, 0.001])
        away = np.linalg.norm((inputs[:, np.newaxis] - challenge.inputs) * unit, axis=2)
        nearest = away.argmin(axis=1)
        is_kept = away.min(axis=1) < np.where(is_member[nearest], 0.4, 0.1)
        return np.eye(2, dtype=np.float32)[np.where(is_kept, 1, 0) ^ 1 ^ challenge.labels[nearest]]

    arch = FullyConnected(hidden=(8,), num_features=10)
    oracle = LocalOracle("cbig/source", 2, answer)
    view = View(challenge, 2, {"cbig/source": oracle}, seed=1, shadow_train=train, shadow_test=test, architecture=arch)
    verdict = Boundary(queries_per_example=60, tuning_examples=10, fit=QUICK).run(view)
    assert roc_auc_score(is_member, verdict.scores) > 0.9
    assert oracle.num_asked <= 60 * 60
    assert (verdict.scores + verdict.notes["threshold"]).max() < np.sqrt(10)
