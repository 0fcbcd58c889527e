from typing import Any

import pytest

from leakdrill.referee import estimate as module
from leakdrill.referee import probe
from leakdrill.referee.estimate import (
    ATTACK_SECONDS,
    START_SECONDS,
    WORKERS_SECONDS,
    Estimate,
    estimate,
    estimate_seconds,
    together,
)
from leakdrill.referee.probe import Speed
from leakdrill.scenario.schema import Scenario

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
    told = together((cell, estimate_seconds(cell, 8, SPEED, 2)) for cell in cells).parts
    assert told["start"] == one["start"]
    assert told["dealing"] == one["dealing"]
    assert told["source model"] == pytest.approx(2 * one["source model"])
    assert told["target model"] > 2 * one["target model"]
    assert told["attack before"] == pytest.approx(4 * one["attack before"])


def test_a_grid_is_estimated_as_a_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "probe", lambda scenario, num_classes, batch_sizes: SPEED)
    alone, both = estimate(scenario()), estimate(scenario(grid={"seed": [1, 2]}))
    assert both.parts["source model"] == pytest.approx(2 * alone.parts["source model"])
