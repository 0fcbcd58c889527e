from typing import Any

import pytest
import torch

from leakdrill.referee import estimate as module
from leakdrill.referee.estimate import Estimate, Speed, estimate, estimate_seconds, probe
from leakdrill.scenario import Scenario

SPEED = Speed(training=100.0, forward=1000.0, dealing=500.0)


def scenario(**fields: Any) -> Scenario:
    attack = {"name": "before", "kind": "transmia", "shadow": "baseline", "num_shadows": 4, "shadow_size": 50}
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
        "timeline": ["train_source", "release", "adapt", {"attack": attack | {"fit": {"epochs": 10}}}],
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
    assert got["attack before"] == pytest.approx(shadows + answers + module.ATTACK_SECONDS)


def test_fine_tuning_passes_through_the_network_in_every_epoch() -> None:
    fine_tune = {"target_model": {"transfer": "fine_tune", "fit": {"epochs": 4}}}
    assert parts(csmall=fine_tune)["target model"] == pytest.approx(4 * 2 * 15 / 100)


def test_each_repeat_of_an_attack_costs_the_same_again() -> None:
    assert parts(repeats=3)["attack before"] == pytest.approx(3 * parts()["attack before"])


def test_workers_beyond_the_cores_make_nothing_faster() -> None:
    assert parts(adversary={"workers": 8})["attack before"] == parts()["attack before"]
    assert parts(adversary={"workers": 1})["attack before"] > parts()["attack before"]
    assert parts(num_cores=1) == parts(adversary={"workers": 1})


def test_steps_that_are_not_played_cost_nothing() -> None:
    assert set(parts(timeline=["train_source"])) == {"start", "dealing", "source model", "judging"}


def test_an_estimate_reads_as_a_sentence_whose_parts_add_up() -> None:
    told = Estimate({"source model": 12.4, "attack before": 52.6})
    assert told.seconds == pytest.approx(65)
    assert str(told) == "about 65 s: source model 12 s, attack before 53 s"
    assert str(Estimate({"attack": 7200.0 * 3})) == "about 6.0 h: attack 6.0 h"
    assert str(Estimate({"attack": 600.0})) == "about 10 min: attack 10 min"


def test_a_probe_measures_this_machine_and_leaves_its_threads_as_they_were(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PROBE_SECONDS", 0.02)
    before = torch.get_num_threads()
    speed = probe(scenario(), scenario().data.dataset.open(), num_classes=8)
    assert torch.get_num_threads() == before
    assert speed.forward > speed.training > 0
    assert speed.dealing > 100


def test_a_small_drill_is_estimated_in_seconds_from_start_to_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PROBE_SECONDS", 0.02)
    told = estimate(scenario())
    assert module.START_SECONDS < told.seconds < 600
    assert told.parts["source model"] > 0


def test_a_rate_is_of_work_that_lasts_long_enough_to_be_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    now, asked = 0.0, []

    def work(count: int) -> None:
        nonlocal now
        now += count / 50
        asked.append(count)

    monkeypatch.setattr("leakdrill.referee.estimate.time.perf_counter", lambda: now)
    assert module._rate(work, 4) == pytest.approx(50)
    assert asked[-1] / 50 >= module.PROBE_SECONDS
