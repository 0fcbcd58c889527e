"""Every shipped scenario is played at its smoke size, with real parties; and the documented example runs.

Every kind of step of each is played, but not every number of them.
"""

import doctest
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from leakdrill.datasets.synthfaces import SynthFaces
from leakdrill.referee import drill
from leakdrill.referee.console import SilentObserver
from leakdrill.referee.grid import run_scenario
from leakdrill.referee.local import LocalParties
from leakdrill.results import Results
from leakdrill.scenario.grid import expand_grid
from leakdrill.scenario.loading import find_scenarios, load_scenario
from leakdrill.scenario.schema import Scenario
from leakdrill.scenario.steps import AttackStep

pytestmark = pytest.mark.slow

ONE_PROCESS = "adversary.workers=1"  # each more takes seconds to start, for shadow models that train in less


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of folders of images, as a scenario that wants real faces takes it."""
    root = tmp_path_factory.mktemp("data") / "faces"
    source = SynthFaces(classes=12, per_class=18).open()
    for index, file in enumerate(source.encoded(range(12 * 18))):
        path = root / source.classes[source.labels[index]] / f"{index:04d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(file)
    return root


@pytest.fixture(scope="session")
def bangkok(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file in the layout of Location-30, as a scenario takes it that wants the places where people went."""
    path = tmp_path_factory.mktemp("data") / "bangkok"
    bits = np.random.default_rng(0).integers(0, 2, (30 * 21, 446))
    np.savetxt(path, np.c_[np.repeat(np.arange(1, 31), 21), bits], "%d", ",")
    return path


def thinned(scenario: Scenario) -> Scenario:
    """Without attacks that differ from one before in numbers and names alone, unless a claim or an axis names them."""
    named, kept, seen = f"{scenario.expect} {scenario.grid}", [], list[dict[str, Any]]()
    for step in scenario.timeline:
        if isinstance(step, AttackStep):
            words = {key: value for key, value in step.attack.model_dump().items() if not is_number_or_name(key, value)}
            if words in seen and step.attack.name not in named:
                continue
            seen.append(words)
        kept.append(step)
    return scenario.model_copy(update={"timeline": kept})


def is_number_or_name(key: str, value: object) -> bool:
    return key == "name" or (isinstance(value, int | float) and not isinstance(value, bool))


@pytest.mark.parametrize("name", sorted(find_scenarios()))
def test_a_shipped_scenario_plays_to_its_end_at_its_smoke_size(
    name: str, folder: Path, bangkok: Path, parties: LocalParties, tmp_path: Path
) -> None:
    files = {"image_folder": [f"data.root={folder}"], "location": [f"data.file={bangkok}"]}
    given = files.get(load_scenario(name, smoke=True).scenario.data.dataset.set, [])
    loaded = load_scenario(name, [*given, ONE_PROCESS], smoke=True)
    loaded = replace(loaded, scenario=thinned(loaded.scenario))
    found = run_scenario(loaded, tmp_path / name, SilentObserver(), parties)
    cells = found if isinstance(found, list) else [found]
    for results, played in zip(cells, expand_grid(loaded.scenario), strict=True):
        attacks = [step.attack.name for step in played.scenario.timeline if isinstance(step, AttackStep)]
        assert results.error is None
        assert [attack.name for attack in results.attacks] == attacks
        assert results.baseline is not None
    if loaded.scenario.grid:
        assert len(list((tmp_path / name / "cells").iterdir())) == len(cells)
    else:
        assert Results.model_validate_json((tmp_path / name / "results.json").read_text()) == cells[0]


def test_a_shipped_sweep_plays_to_its_end_at_its_smoke_size(parties: LocalParties, tmp_path: Path) -> None:
    loaded = load_scenario("defences-quick", [ONE_PROCESS], smoke=True)
    found = run_scenario(loaded, tmp_path / "sweep", SilentObserver(), parties)
    assert isinstance(found, list)
    assert [results.error for results in found] == [None] * 6
    asked = [[attack.name for attack in results.attacks] for results in found]
    assert asked == [["gap"], ["entropy"], ["confidence"]] * 2


def test_the_example_in_the_docstring_of_drill_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # it leaves its run in ./runs
    outcome = doctest.testmod(drill)
    assert outcome.attempted >= 4
    assert outcome.failed == 0
