import os
from typing import Any

import pytest

from leakdrill.referee import estimate as module
from leakdrill.referee import probe
from leakdrill.referee.estimate import (
    ATTACK_SECONDS,
    SHARED,
    START_SECONDS,
    WORKERS_SECONDS,
    Estimate,
    estimate,
    estimate_seconds,
    together,
)
from leakdrill.referee.probe import Speed
from leakdrill.referee.schedule import IN_TURN, Schedule
from leakdrill.scenario.grid import expand_grid
from leakdrill.scenario.schema import Scenario
from leakdrill.scenario.steps import AttackStep

SPEED = Speed(training={128: 100.0, 32: 50.0}, forward=1000.0, dealing=500.0)
GRID = [(1, "freeze"), (1, "fine_tune"), (2, "freeze"), (2, "fine_tune")]
ATTACK = {
    "name": "before",
    "kind": "transmia",
    "shadow": "baseline",
    "num_shadows": 4,
    "shadow_size": 50,
    "fit": {"epochs": 10},
}


def scenario(**fields: Any) -> Scenario:
    base: dict[str, Any] = {
        "question": "How long?",
        "data": {
            "set": "digits",
            "image_size": 16,
            "splits": {
                "source_train": 20,
                "source_test": 20,
                "source_validation": 10,
                "shadow_train": 25,
                "shadow_test": 25,
            },
            "target": {"classes": 2, "train": 15, "test": 10},
        },
        "cbig": {"source_model": {"arch": {"kind": "small_cnn"}, "fit": {"epochs": 5}}},
        "csmall": {"target_model": {"transfer": "freeze", "fit": {"epochs": 4}}},
        "timeline": ["train_source", "release", "adapt", {"attack": ATTACK}],
    }
    return Scenario.model_validate(base | fields)


def parts(speed: Speed = SPEED, num_cores: int = 2, **fields: Any) -> dict[str, float]:
    return estimate_seconds(scenario(**fields), num_source_classes=8, speed=speed, num_cores=num_cores).parts


def test_an_estimate_is_what_the_scenario_asks_for_over_the_speeds() -> None:
    got = parts()
    assert got["dealing"] == pytest.approx((8 * 100 + 2 * 25) / 500)
    assert got["source model"] == pytest.approx(5 * 8 * 20 / 100 + 5 * 8 * 10 / 1000)
    assert got["target model"] == pytest.approx(2 * 15 / 1000)
    shadows, answers = 4 * 50 * 10 / (100 * 2), 8 * (25 + 25 + 40) / 1000
    assert got["attack before"] == pytest.approx(shadows + answers + ATTACK_SECONDS + WORKERS_SECONDS)


def test_fine_tuning_passes_through_the_network_in_every_epoch() -> None:
    fine_tune = {"target_model": {"transfer": "fine_tune", "fit": {"epochs": 4}}}
    assert parts(csmall=fine_tune)["target model"] == pytest.approx(4 * 2 * 15 / 100)


def test_each_repeat_of_an_attack_costs_the_same_again() -> None:
    assert parts(repeats=3)["attack before"] == pytest.approx(3 * parts()["attack before"])


def test_small_batches_are_slower() -> None:
    small = ATTACK | {"fit": {"epochs": 10, "batch_size": 32}}
    slower = parts(timeline=["train_source", {"attack": small}])["attack before"]
    assert slower - parts()["attack before"] == pytest.approx(4 * 50 * 10 / (50 * 2) - 4 * 50 * 10 / (100 * 2))


def test_workers_beyond_the_cores_make_nothing_faster() -> None:
    assert parts(adversary={"workers": 8})["attack before"] == parts()["attack before"]
    assert parts(adversary={"workers": 1})["attack before"] > parts()["attack before"]
    assert parts(num_cores=1) == parts(adversary={"workers": 1})


def test_one_network_is_trained_by_one_worker() -> None:
    one = ATTACK | {"num_shadows": 1}
    alone = parts(timeline=["train_source", {"attack": one}])["attack before"]
    assert alone == parts(timeline=["train_source", {"attack": one}], num_cores=1)["attack before"]


def test_steps_that_are_not_played_cost_nothing() -> None:
    assert set(parts(timeline=["train_source"])) == {"start", "dealing", "source model", "judging"}


def test_an_estimate_reads_as_a_sentence_whose_parts_add_up() -> None:
    told = Estimate({"source model": 12.4, "attack before": 52.6})
    assert told.seconds == pytest.approx(65)
    assert str(told) == "about 65 s: source model 12 s, attack before 53 s"
    assert str(Estimate({"attack": 7200.0 * 3})) == "about 6.0 h: attack 6.0 h"
    assert str(Estimate({"attack": 600.0})) == "about 10 min: attack 10 min"


def test_a_small_drill_is_estimated_in_seconds_from_start_to_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "PROBE_SECONDS", 0.02)
    told = estimate(scenario())
    assert START_SECONDS < told.seconds < 600
    assert told.parts["source model"] > 0


def test_cells_of_a_grid_share_what_is_the_same_in_them() -> None:
    cells = [scenario(seed=seed, csmall={"target_model": {"transfer": how}}) for seed, how in GRID]
    one = estimate_seconds(cells[0], 8, SPEED, 2).parts
    told = together([(cell, estimate_seconds(cell, 8, SPEED, 2)) for cell in cells]).parts
    assert told["start"] == one["start"]
    assert told["dealing"] == one["dealing"]
    assert told["source model"] == pytest.approx(2 * one["source model"])
    assert told["target model"] > 2 * one["target model"]
    assert told["attack before"] == pytest.approx(4 * one["attack before"])


def test_a_grid_is_estimated_as_a_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "probe", lambda scenario, num_classes, batch_sizes: SPEED)
    alone, both = estimate(scenario()), estimate(scenario(grid={"seed": [1, 2]}))
    assert both.parts["source model"] == pytest.approx(2 * alone.parts["source model"])


def test_cells_that_are_played_at_once_take_less_time_but_no_less_than_the_longest_and_one_training(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    monkeypatch.setattr(module, "probe", lambda scenario, num_classes, batch_sizes: SPEED)
    shadows = scenario(grid={"before.shadow_size": [50, 51, 52, 53]})
    alone, together_, shard = (estimate(shadows, each).parts for each in (IN_TURN, Schedule(4), Schedule(shard=(1, 4))))
    assert together_["source model"] == alone["source model"] == shard["source model"]  # the same in all cells
    assert alone["attack before"] > together_["attack before"] > shard["attack before"]
    longest = estimate_seconds(expand_grid(shadows)[-1].scenario, 8, SPEED, num_cores=1).parts
    own = [name for name in longest if name not in SHARED]
    assert sum(together_[name] for name in own) == pytest.approx(sum(longest[name] for name in own))


def test_on_a_large_machine_no_more_workers_are_assumed_than_a_drill_has() -> None:
    many = ATTACK | {"num_shadows": 64}
    timeline = ["train_source", {"attack": many}]
    assert parts(num_cores=64, timeline=timeline) == parts(num_cores=8, timeline=timeline)
    asked_for = parts(num_cores=64, timeline=timeline, adversary={"workers": 64})
    assert asked_for["attack before"] < parts(num_cores=64, timeline=timeline)["attack before"]


@pytest.mark.parametrize(
    ("settings", "queries"),
    [
        ({"kind": "boundary", "queries_per_example": 300, "tuning_examples": 10, "shadow_size": 40}, 2 * 10 * 300),
        ({"kind": "boundary", "queries_per_example": 300, "tuning_examples": 10, "shadow_size": 5}, 2 * 5 * 300),
        ({"kind": "rotation", "tuning_examples": 10, "num_shadows": 3, "shadow_size": 40}, 2 * 3 * 10 * 15 * 3),
        ({"kind": "noise_robustness", "queries_per_example": 50, "sigmas": [0.1, 0.2], "shadow_size": 9}, 18 * 2 * 50),
    ],
)
def test_what_an_attack_asks_its_own_shadow_models_costs_time_too(settings: dict[str, Any], queries: int) -> None:
    played = scenario(timeline=["train_source", {"attack": settings}])
    (attack,) = (step.attack for step in played.timeline if isinstance(step, AttackStep))
    assert attack.rehearsal_queries(num_source_examples=160) == queries
    told = estimate_seconds(played, 8, SPEED, num_cores=1).parts[f"attack {attack.name}"]
    asked = 8 * (25 + 25) + attack.most_queries(8 * 40) + queries
    training = WORKERS_SECONDS + attack.training_passes(160) / SPEED.training[128]
    assert told == pytest.approx(asked / 1000 + training + ATTACK_SECONDS)
