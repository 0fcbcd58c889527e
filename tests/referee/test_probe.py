import time

import pytest
import torch

from leakdrill.referee import probe as module
from leakdrill.referee.probe import probe
from leakdrill.scenario.schema import Scenario

SCENARIO = Scenario.model_validate(
    {
        "question": "How fast?",
        "data": {
            "set": "digits",
            "image_size": 16,
            "splits": {"source_train": 20, "source_test": 20, "source_validation": 10},
            "target": {"classes": 2, "train": 15, "test": 10},
        },
        "cbig": {"source_model": {"arch": {"kind": "small_cnn"}}},
        "timeline": ["train_source"],
    }
)


def test_a_probe_measures_this_machine_and_leaves_its_threads_as_they_were(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PROBE_SECONDS", 0.02)
    monkeypatch.setattr(module.time, "perf_counter", time.process_time)  # whatever else the machine is at
    before = torch.get_num_threads()
    speed = probe(SCENARIO, num_classes=8, batch_sizes={16, 64})
    assert torch.get_num_threads() == before
    assert speed.training.keys() == {16, 64}
    assert speed.forward > max(speed.training.values()) > 0
    assert speed.dealing > 100


def test_a_rate_is_of_work_that_lasts_long_enough_to_be_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    now, asked = 0.0, []

    def work(count: int) -> None:
        nonlocal now
        now += count / 50
        asked.append(count)

    monkeypatch.setattr("leakdrill.referee.probe.time.perf_counter", lambda: now)
    assert module._rate(work, 4) == pytest.approx(50)
    assert asked[-1] / 50 >= module.PROBE_SECONDS
