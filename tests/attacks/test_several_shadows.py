"""Attacks that are tuned on several shadow models at once."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from leakdrill.attacks import (
    Boundary,
    CarliniWagner,
    Combined,
    ConfidenceThreshold,
    ConfidenceVector,
    NoiseRobustness,
    Outlier,
    RandomAugmentation,
    Rotation,
    Translation,
)
from leakdrill.attacks.base import View
from leakdrill.attacks.tuning.shadow_tuned import ShadowModel, ShadowModels, ShadowTuned
from leakdrill.contract.worlds import world
from leakdrill.data.examples import Examples
from leakdrill.labelonly.cut import separation
from leakdrill.labelonly.hopskipjump import SEARCHED, Search
from leakdrill.labelonly.trace import Trace
from leakdrill.models.cache import ModelCache
from leakdrill.models.fit import Fit
from leakdrill.models.training import predict

FEW: dict[str, Any] = {"fit": Fit(epochs=1, batch_size=16), "shadow_size": 20}
TUNED: dict[str, Any] = FEW | {"tuning_examples": 4}
BY_LABELS = [
    Boundary(queries_per_example=5, **TUNED),
    Combined(queries_per_example=15, attack_model="threshold", **TUNED),
    NoiseRobustness(queries_per_example=3, **TUNED),
    RandomAugmentation(queries_per_example=3, **TUNED),
    Rotation(degrees=3, **FEW),
    Translation(pixels=1, **FEW),
]
BY_SCORES = [ConfidenceThreshold(**FEW), ConfidenceVector(**FEW)]
every_attack = pytest.mark.parametrize("attack", BY_LABELS + BY_SCORES, ids=lambda attack: attack.kind)


def view(**changes: object) -> View:
    return replace(world("memoriser", per_class=5).view, **changes)


def on(num_shadows: int, attack: ShadowTuned) -> ShadowTuned:
    return attack.model_copy(update={"num_shadows": num_shadows})


def rows_of(examples: Examples) -> set[bytes]:
    return {image.tobytes() for image in examples.inputs}


def test_the_first_shadow_is_the_one_there_would_be_alone_and_the_others_have_draws_of_their_own() -> None:
    one = on(1, BY_LABELS[0]).plan_shadow(view()).train_models()
    three = on(3, BY_LABELS[0]).plan_shadow(view()).train_models()
    alone, (first, second, third) = one.models[0], three.models
    images = alone.examples.inputs
    np.testing.assert_array_equal(predict(alone.network, images), predict(first.network, images))
    np.testing.assert_array_equal(images, first.examples.inputs)
    assert not np.array_equal(predict(second.network, images), predict(third.network, images))
    assert rows_of(first.examples) != rows_of(second.examples) != rows_of(third.examples)


def test_the_members_of_a_shadow_are_of_its_own_training_set_and_the_others_of_no_training_set() -> None:
    plan = on(3, BY_LABELS[0]).plan_shadow(view())
    shadows = plan.train_models()
    for shadow, own in zip(shadows.models, plan.draws.train, strict=True):
        members = shadow.examples.take(np.flatnonzero(shadow.is_member))
        others = shadow.examples.take(np.flatnonzero(~shadow.is_member))
        assert len(members) == len(others) == 4
        assert rows_of(members) <= rows_of(plan.train.take(own))
        assert not rows_of(others) & rows_of(plan.train)
    assert shadows.is_member.tolist() == 3 * (4 * [True] + 4 * [False])


def test_every_example_is_asked_of_the_shadow_that_it_belongs_to() -> None:
    own = [Examples(np.full((2, 1), value, np.float32), np.array([0, 1])) for value in (3, 5)]
    zeros = ShadowModel(None, lambda rows: np.zeros(len(rows), int), own[0], np.array([True, False]))  # type: ignore[arg-type]
    ones = ShadowModel(None, lambda rows: np.ones(len(rows), int), own[1], np.array([False, True]))  # type: ignore[arg-type]
    shadows = ShadowModels((zeros, ones))
    assert shadows.examples.inputs.ravel().tolist() == [3, 3, 5, 5]
    assert shadows.of_each(lambda shadow: shadow.is_right).tolist() == [True, False, False, True]
    assert [part.tolist() for part in shadows.split(np.arange(4.0))] == [[0, 3], [1, 2]]
    assert shadows.num_constant == 2


def test_the_notes_are_of_all_shadows_together() -> None:
    attack = on(3, BY_SCORES[0])
    shadows = attack.plan_shadow(view()).train_models()
    surest = shadows.of_each(lambda shadow: _max_log_confidence(predict(shadow.network, shadow.examples.inputs)))
    noted = attack.run(view()).notes["shadow_auc"]
    assert noted == pytest.approx(separation(*shadows.split(surest)), abs=0.01)


def _max_log_confidence(logits: np.ndarray) -> np.ndarray:
    wide = logits.astype(float)
    return np.asarray(wide.max(axis=1) - np.log(np.exp(wide).sum(axis=1)))


@every_attack
def test_an_attack_takes_several_and_asks_no_more_of_its_victim(attack: ShadowTuned) -> None:
    here, verdicts = world("memoriser", per_class=5), []
    for num_shadows in (1, 2):
        before = here.num_asked["cbig/source"]
        verdicts.append(on(num_shadows, attack).run(here.view))
        assert here.num_asked["cbig/source"] - before <= attack.most_queries(len(here.view.challenge))
    assert all(np.isfinite(verdict.scores).all() for verdict in verdicts)
    assert verdicts[0].notes != verdicts[1].notes


def test_they_are_shared_by_attacks_and_with_those_that_want_fewer(tmp_path: Path) -> None:
    cache = ModelCache(tmp_path)
    on(3, BY_LABELS[0]).run(view(cache=cache))
    assert len([*tmp_path.glob("[!.]*")]) == 3  # and its locks
    for attack in (on(3, BY_SCORES[0]), on(2, BY_LABELS[-1]), on(1, BY_LABELS[0])):
        attack.run(view(cache=cache))
    Outlier(by=on(2, BY_LABELS[-1]), alpha=0.2, gamma=3).run(view(cache=cache))
    assert len([*tmp_path.glob("[!.]*")]) == 3  # and its locks


@pytest.mark.parametrize("attack", [*BY_LABELS, *BY_SCORES, CarliniWagner(**TUNED)], ids=lambda attack: attack.kind)
def test_the_estimate_counts_every_shadow(attack: ShadowTuned) -> None:
    assert on(3, attack).training_passes(500) == 3 * 20


def test_shadows_that_would_all_be_trained_on_the_whole_pool_are_refused() -> None:
    with pytest.raises(ValidationError, match="num_shadows is 2, and by default all have the whole pool"):
        Boundary(num_shadows=2)


@every_attack
def test_shadow_models_that_learned_nothing_are_counted(attack: ShadowTuned, monkeypatch: pytest.MonkeyPatch) -> None:
    def one_label(model: object, images: np.ndarray) -> np.ndarray:
        return np.tile(np.array([0, 0, 4, 0], np.float32), (len(images), 1))

    assert attack.run(view()).notes["shadow_models_of_one_label"] <= 1
    for module in ("tuning.shadow_tuned", "confidences.base"):
        monkeypatch.setattr(f"leakdrill.attacks.{module}.predict", one_label)
    verdict = on(2, attack).run(view())
    assert verdict.notes["shadow_models_of_one_label"] == 2


def search(distance: float, queries: int) -> Search:
    """Of one example of two pixels."""
    trace, row = Trace(1), np.array([0])
    trace.record(row, np.array([queries]), np.array([distance]))
    return Search(np.array([distance]), np.zeros((1, 2), np.float32), np.array([9]), np.array([SEARCHED]), trace)


def test_searches_of_several_shadows_are_joined_with_what_they_knew_after_each_query() -> None:
    joined = Search.joined([search(5, 2), search(7, 4)])
    assert joined.distances.tolist() == [5, 7]
    assert joined.points.shape == (2, 2)
    np.testing.assert_array_equal(joined.trace.distances(3), [5, np.nan])
    np.testing.assert_array_equal(joined.trace.distances(4), [5, 7])
