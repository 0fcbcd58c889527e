from pathlib import Path
from typing import Any

import pytest
import yaml
from small_scenario import TEXT, written

from leakdrill.errors import ScenarioError
from leakdrill.referee.clause import validate as validate_clauses
from leakdrill.scenario.grid import expand_grid
from leakdrill.scenario.loading import SCENARIOS, SWEEPS, Loaded, find_scenarios, find_sweeps, load_scenario
from leakdrill.scenario.schema import Scenario
from leakdrill.scenario.steps import AttackStep
from leakdrill.scenario.threat import check_threat

SHIPPED = sorted([*SCENARIOS.glob("*.yaml"), *SWEEPS.glob("*.yaml")])


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "small.yaml"
    path.write_text(TEXT)
    return path


def load(tmp_path: Path, raw: dict[str, Any], *overrides: str, smoke: bool = False) -> Loaded:
    path = tmp_path / "changed.yaml"
    path.write_text(yaml.safe_dump(raw, sort_keys=False))
    return load_scenario(path, overrides, smoke=smoke)


def test_a_file_is_loaded_with_its_name(file: Path) -> None:
    loaded = load_scenario(file)
    assert (loaded.name, loaded.path, loaded.scenario.seed) == ("small", file, 7)
    assert Scenario.model_validate(loaded.raw) == loaded.scenario
    assert load_scenario(str(file)) == loaded


def test_overrides_come_after_smoke_and_both_before_validation(file: Path) -> None:
    smoke = load_scenario(file, smoke=True).scenario
    assert (smoke.seed, smoke.data.splits.source_train) == (3, 2)
    assert [step.attack.num_shadows for step in smoke.timeline[3:6:2] if isinstance(step, AttackStep)] == [1, 1]  # type: ignore[union-attr]
    assert load_scenario(file, ["seed=11"], smoke=True).scenario.seed == 11


def test_a_scenario_without_a_smoke_size_says_how_to_give_it_one(tmp_path: Path) -> None:
    raw = written()
    del raw["smoke"]
    with pytest.raises(ScenarioError, match=r"changed\.yaml has no smoke size: add a block `smoke:`"):
        load(tmp_path, raw, smoke=True)


def test_a_smoke_key_that_leads_nowhere_names_the_file_and_the_block(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match=r"changed\.yaml: smoke: afer\.num_shadows: unknown key 'afer'"):
        load(tmp_path, written() | {"smoke": {"afer.num_shadows": 1}}, smoke=True)


def test_one_problem_is_one_line_and_several_are_a_list(file: Path) -> None:
    with pytest.raises(ScenarioError) as one:
        load_scenario(file, ["seed=x"])
    assert str(one.value) == f"{file}: seed: wanted a valid integer, got 'x'"
    with pytest.raises(ScenarioError) as two:
        load_scenario(file, ["seed=x", "repeats=0"])
    assert str(two.value).splitlines() == [
        f"{file}: 2 problems",
        "  seed: wanted a valid integer, got 'x'",
        "  repeats: wanted greater than or equal to 1, got 0",
    ]


def test_a_scenario_that_does_not_exist_is_named_with_those_that_do() -> None:
    with pytest.raises(ScenarioError, match=r"there is no scenario file no/such\.yaml"):
        load_scenario("no/such.yaml")
    with pytest.raises(ScenarioError, match="there is no scenario or sweep 'quickstrat': did you mean 'quickstart'"):
        load_scenario("quickstrat")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"- 1\n- 2", "wanted a mapping with question, data, cbig and timeline, got list"),
        (b"", "got NoneType"),
        (b"question: \xff\xfe", "not a text file in UTF-8"),
        (b"question: [", "line 1, column 12"),
        (b"#" * (1 << 20) + b"#", "1048577 bytes, a scenario has at most 1048576"),
    ],
)
def test_a_file_that_is_no_scenario_is_refused_by_its_name(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "bad.yaml"
    path.write_bytes(content)
    with pytest.raises(ScenarioError) as error:
        load_scenario(path)
    assert str(error.value).startswith(str(path))
    assert message in str(error.value)


def test_scenarios_are_listed_with_their_questions() -> None:
    found = {**find_scenarios(), **find_sweeps()}
    assert found.keys() == {path.stem for path in SHIPPED}
    assert len(found) == len(SHIPPED)  # a name is a scenario's or a sweep's
    assert all(question.endswith("?") for question in found.values())


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
@pytest.mark.parametrize("smoke", [False, True])
def test_every_shipped_scenario_is_sound_at_both_sizes_and_survives_being_recorded(path: Path, smoke: bool) -> None:
    scenario = load_scenario(path.stem, smoke=smoke).scenario
    assert Scenario.model_validate(scenario.model_dump(mode="json")) == scenario
    for cell in expand_grid(scenario):
        check_threat(cell.scenario)
        validate_clauses(cell.scenario)
