"""Attacks of one drill that plan the same shadow models train them once."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from leakdrill.attacks import Boundary, Lira, NoiseRobustness, Rmia, Rotation, Translation
from leakdrill.attacks.base import Attack, View
from leakdrill.contract.worlds import of_students, world
from leakdrill.models.cache import ModelCache
from leakdrill.models.fit import Fit
from leakdrill.seeds import derive
from leakdrill.shadows import ShadowPool

QUICK = Fit(epochs=1, batch_size=16)
ON_ONE_SHADOW = [
    Boundary(queries_per_example=5, tuning_examples=4, fit=QUICK),
    NoiseRobustness(queries_per_example=3, tuning_examples=4, fit=QUICK),
    Rotation(degrees=3, fit=QUICK),
    Translation(pixels=1, fit=QUICK),
]


def as_seen_by(attack: Attack, cache: Path) -> View:
    """What the adversary would show that attack: its own seed, and the cache and seed of the shadows they share."""
    here = world("memoriser", per_class=5).view
    return replace(here, seed=derive(5, attack.name), cache=ModelCache(cache))


def entries(cache: Path) -> set[str]:
    return {meta.parent.name for meta in cache.glob("*/meta.json")}


def test_attacks_on_one_shadow_model_train_one_between_them(tmp_path: Path) -> None:
    for attack in ON_ONE_SHADOW:
        attack.run(as_seen_by(attack, tmp_path))
    assert len(entries(tmp_path)) == 1


def test_an_attack_played_again_trains_nothing_and_says_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    attack = ON_ONE_SHADOW[0]
    before = attack.run(as_seen_by(attack, tmp_path))

    def train(pool: ShadowPool, shadow: int) -> None:
        raise AssertionError("trained again")

    monkeypatch.setattr(ShadowPool, "train", train)
    after = attack.run(as_seen_by(attack, tmp_path))
    np.testing.assert_array_equal(after.scores, before.scores)


def test_another_repeat_or_another_fit_has_a_shadow_of_its_own(tmp_path: Path) -> None:
    attack = ON_ONE_SHADOW[3]
    attack.run(as_seen_by(attack, tmp_path))
    attack.run(replace(as_seen_by(attack, tmp_path), shadow_seed=77))
    attack.model_copy(update={"fit": Fit(epochs=2, batch_size=16)}).run(as_seen_by(attack, tmp_path))
    assert len(entries(tmp_path)) == 3


def test_lira_and_rmia_train_each_shadow_once_between_them(tmp_path: Path) -> None:
    for mode, num_models in (("online", 4), ("offline", 8)):
        for attack in (Lira(mode=mode, num_shadows=4, fit=QUICK), Rmia(mode=mode, num_shadows=4, fit=QUICK)):
            attack.run(as_seen_by(attack, tmp_path))
            assert len(entries(tmp_path)) == num_models


def test_on_csmalls_data_shadows_that_start_from_the_leak_are_shared_as_well(tmp_path: Path) -> None:
    def students(attack: Attack) -> View:
        here = of_students(world("memoriser", per_class=5)).view
        return replace(here, seed=derive(5, attack.name), cache=ModelCache(tmp_path))

    for attack in (Lira(num_shadows=4, fit=QUICK), Rmia(num_shadows=4, fit=QUICK)):
        attack.run(students(attack))
        assert len(entries(tmp_path)) == 4
    for one_shadow in (ON_ONE_SHADOW[2], ON_ONE_SHADOW[3]):
        one_shadow.run(students(one_shadow))
        assert len(entries(tmp_path)) == 5
    for entry in entries(tmp_path):
        assert (
            json.loads((tmp_path / entry / "meta.json").read_bytes())["made_of"]["shadow_model"]["method"] == "freeze"
        )
    Lira(num_shadows=4, fit=QUICK).run(replace(students(Lira()), leaked=None))
    assert len(entries(tmp_path)) == 9


def test_more_shadows_are_added_to_those_there_are(tmp_path: Path) -> None:
    for num_shadows in (4, 6):
        attack = Lira(num_shadows=num_shadows, fit=QUICK)
        attack.run(as_seen_by(attack, tmp_path))
        assert len(entries(tmp_path)) == num_shadows
