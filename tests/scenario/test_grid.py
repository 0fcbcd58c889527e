"""A grid's axes, the cells that they make, and what is left out of them."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from small_scenario import TEXT, written

from leakdrill.attacks import ATTACKS
from leakdrill.defences import DEFENCES
from leakdrill.errors import ScenarioError
from leakdrill.scenario.axes import defence_kinds
from leakdrill.scenario.grid import MAX_CELLS, Cell, expand, expand_grid, why_skipped
from leakdrill.scenario.loading import Loaded, load_scenario
from leakdrill.scenario.schema import Scenario
from leakdrill.scenario.steps import AttackStep, BreachStep


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "small.yaml"
    path.write_text(TEXT)
    return path


def load(tmp_path: Path, raw: dict[str, Any]) -> Loaded:
    path = tmp_path / "changed.yaml"
    path.write_text(yaml.safe_dump(raw, sort_keys=False))
    return load_scenario(path)


def of(grid: dict[str, Any], **keys: Any) -> Scenario:
    """The small scenario with that grid."""
    return Scenario.model_validate(written() | {"grid": grid} | keys)


def steps(cell: Cell) -> list[str]:
    return [step.attack.name if isinstance(step, AttackStep) else step.step for step in cell.scenario.timeline]


def test_a_grid_is_a_scenario_for_every_combination_in_order(file: Path) -> None:
    cells = expand_grid(load_scenario(file).scenario)
    assert [cell.name for cell in cells] == [
        "1-after.shadow_size=10,breach.fidelity.bits=8",
        "2-after.shadow_size=10,breach.fidelity.bits=16",
        "3-after.shadow_size=20,breach.fidelity.bits=8",
        "4-after.shadow_size=20,breach.fidelity.bits=16",
    ]
    assert cells[2].labels == {"after.shadow_size": 20, "breach.fidelity.bits": 8}
    for cell in cells:
        attack, breach = cell.scenario.timeline[5], cell.scenario.timeline[4]
        assert isinstance(attack, AttackStep)
        assert isinstance(breach, BreachStep)
        assert attack.attack.shadow_size == cell.labels["after.shadow_size"]  # type: ignore[union-attr]
        assert breach.breach.fidelity.bits == cell.labels["breach.fidelity.bits"]
        assert cell.scenario.grid == {}


def test_a_grid_expands_alike_from_what_a_run_recorded(file: Path) -> None:
    scenario = load_scenario(file).scenario
    recorded = Scenario.model_validate_json(scenario.model_dump_json())
    assert expand_grid(recorded) == expand_grid(scenario)


def test_names_of_many_cells_sort_in_their_order_and_are_good_for_folders(tmp_path: Path) -> None:
    raw = written() | {"grid": {"seed": list(range(12)), "csmall.target_model": [{"transfer": "freeze"}]}}
    names = [cell.name for cell in expand_grid(load(tmp_path, raw).scenario)]
    assert names == sorted(names)
    assert names[0] == "01-seed=0,csmall.target_model=_transfer_freeze_"


def test_without_a_grid_there_is_one_cell(tmp_path: Path) -> None:
    scenario = load(tmp_path, written() | {"grid": {}}).scenario
    assert expand_grid(scenario) == [Cell("", {}, scenario)]


@pytest.mark.parametrize(
    ("grid", "message"),
    [
        ({"seed": []}, "grid: seed has no values"),
        (
            {"afer.shadow_size": [1]},
            "grid: afer.shadow_size=1 can be played in no cell: afer.shadow_size: unknown key 'afer'",
        ),
        ({"seed": [1, "x"]}, "grid: seed=x can be played in no cell: seed: wanted a valid integer, got 'x'"),
        ({"seed": [1, 1]}, "grid: seed has 1 more than once: give each a name of its own"),
        ({"a": {"x": {"seed": 1}}, "b": {"y": {"seed": 2}}}, "grid: a and b both set seed: leave it to one of them"),
        ({"attacks": ["gap", {"kind": "gap"}]}, "grid: attacks has gap more than once"),
        ({"attacks": ["gab"]}, "grid: attacks=gab can be played in no cell: timeline[3].attack"),
        (
            {"defences": ["memgard"]},
            "grid: defences=memgard can be played in no cell: cbig.api.defences[0]: unknown kind 'memgard'",
        ),
        ({"split_key": ["a", "b"]}, "grid: split_key decides who is a member, and an axis of keys would name cells"),
        ({"seed": list(range(MAX_CELLS + 1))}, f"grid: {MAX_CELLS + 1} combinations, at most {MAX_CELLS}"),
    ],
)
def test_a_grid_that_cannot_be_played_is_refused(tmp_path: Path, grid: dict[str, Any], message: str) -> None:
    scenario = load(tmp_path, written() | {"grid": grid}).scenario
    with pytest.raises(ScenarioError) as error:
        expand_grid(scenario)
    assert str(error.value).startswith(message)


@pytest.mark.parametrize("values", [3, "all", {"a": 3}, None])
def test_an_axis_is_a_list_or_a_mapping_of_labels_to_what_they_set(values: Any) -> None:
    with pytest.raises(ValueError, match=r"size is .*: wanted a list of values, a mapping of labels to mappings"):
        of({"size": values})


def test_a_named_axis_sets_several_keys_at_once_and_results_carry_its_labels() -> None:
    sizes = {"as written": {}, "small": {"after.shadow_size": 5, "data.splits.source_train": 3}}
    plain, small = expand_grid(of({"size": sizes}))
    assert (plain.name, plain.labels) == ("1-size=as_written", {"size": "as written"})
    assert plain.scenario == of({})
    assert small.labels == {"size": "small"}
    assert small.scenario.data.splits.source_train == 3
    assert small.scenario.timeline[5].attack.shadow_size == 5  # type: ignore[union-attr]


def test_an_attack_of_the_timeline_keeps_its_place_and_settings_and_any_other_comes_where_the_first_was() -> None:
    cells = expand_grid(of({"attacks": ["after", "entropy", {"name": "mine", "kind": "gap"}]}))
    before = ["train_source", "release", "adapt"]
    assert [steps(cell) for cell in cells] == [
        [*before, "breach", "after"],
        [*before, "entropy", "breach"],
        [*before, "mine", "breach"],
    ]
    assert [cell.labels for cell in cells] == [{"attacks": name} for name in ("after", "entropy", "mine")]
    assert cells[0].scenario.timeline[4].attack.shadow == "freeze"  # type: ignore[union-attr]


def test_a_kind_stands_for_the_attacks_of_that_kind_in_the_timeline() -> None:
    assert [cell.labels["attacks"] for cell in expand_grid(of({"attacks": ["transmia"]}))] == ["before", "after"]


def test_without_an_attack_in_the_timeline_it_comes_at_the_end() -> None:
    (cell,) = expand_grid(of({"attacks": ["gap"]}, timeline=["train_source", "release"], expect=[]))
    assert steps(cell) == ["train_source", "release", "gap"]


@pytest.mark.parametrize("op", [" > ", ">", "> ", " >="])
def test_a_cell_is_asked_only_what_is_about_its_own_attack(op: str) -> None:
    clauses = [
        {"claim": "of two cells", "that": f"after.auc{op}before.auc"},
        {"claim": "of one", "that": "gap.auc > 0.5"},
        {"claim": "of all", "that": "baseline.auc covers 0.5"},
    ]
    gap, after = expand_grid(of({"attacks": ["gap", "after"]}, expect=clauses))
    assert [clause.claim for clause in gap.scenario.expect] == ["of one", "of all"]
    assert [clause.claim for clause in after.scenario.expect] == ["of all"]


def test_a_class_guesses_only_what_the_cells_own_attack_will_find() -> None:
    guesses = [{"ask": name, "what": f"{name}.auc"} for name in ("after", "gap", "baseline")]
    gap, after = expand_grid(of({"attacks": ["gap", "after"]}, expect=[], guess=guesses))
    assert [guess.ask for guess in gap.scenario.guess] == ["gap", "baseline"]
    assert [guess.ask for guess in after.scenario.guess] == ["after", "baseline"]


def test_all_attacks_are_all_there_are_and_the_ones_left_out_are_told_why() -> None:
    grid = expand(of({"attacks": "all", "seed": [1, 2]}))
    played = {cell.labels["attacks"] for cell in grid.cells}
    skipped = {each.labels["attacks"] for each in grid.skipped}
    assert {"before", "after", "gap", "entropy"} <= played
    assert {"boundary", "class_based"} <= skipped  # they need what this scenario does not grant
    assert not played & skipped
    assert {"before", "after", *ATTACKS} - {"transmia"} == played | skipped
    (boundary,) = (line for line in why_skipped(grid) if "attacks=boundary " in line)
    assert boundary.startswith("skipped attacks=boundary (2 cells): attack 'boundary' needs what it is not granted")
    assert "add label to cbig.api.outputs" in boundary


def test_an_attack_that_was_asked_for_by_name_must_be_playable_in_some_cell() -> None:
    with pytest.raises(
        ScenarioError, match=r"attacks=boundary can be played in no cell: .*add label to cbig\.api\.outputs"
    ):
        expand(of({"attacks": ["gap", "boundary"]}))
    outputs = {"scores": {}, "labels too": {"cbig.api.outputs": ["scores", "label"]}}
    grid = expand(of({"api": outputs, "attacks": ["gap", "boundary"]}))
    assert [cell.labels for cell in grid.cells] == [
        {"api": "scores", "attacks": "gap"},
        {"api": "labels too", "attacks": "gap"},
        {"api": "labels too", "attacks": "boundary"},
    ]
    assert [cell.name[0] for cell in grid.cells] == ["1", "3", "4"]  # the same names, whatever else can be played


def test_a_grid_that_leaves_no_cell_is_refused_with_the_reason() -> None:
    with pytest.raises(ScenarioError, match="can be played in no cell: attack 'before' needs what it is not granted"):
        expand(of({"knows": {"nothing": {"adversary.knows.shadow_examples": False}}}))


def test_all_defences_stand_one_by_one_at_the_place_of_their_stage_with_none_first() -> None:
    scenario = of({"defences": "all"})
    grid = expand(scenario)
    labels = [cell.labels["defences"] for cell in grid.cells]
    assert labels[0] == "none"
    assert len(labels) == len(set(labels))
    assert {*labels, *(each.labels["defences"] for each in grid.skipped)} == {"none", *defence_kinds()}
    assert set(DEFENCES) <= {kind for kind, key in defence_kinds().items() if key == "cbig.api.defences"}
    for cell in grid.cells:
        api = [defence.kind for defence in cell.scenario.cbig.api.defences]
        assert api == ([cell.labels["defences"]] if cell.labels["defences"] in DEFENCES else [])


def test_a_defence_is_the_only_one_in_its_cell_and_labelled_by_its_settings() -> None:
    defended = {"source_model": {"arch": {"kind": "small_cnn"}}, "api": {"defences": [{"kind": "memguard"}]}}
    cells = expand_grid(of({"defences": ["none", {"kind": "output_noise", "eta": 0.5}, "top_k"]}, cbig=defended))
    assert [cell.labels["defences"] for cell in cells] == ["none", "output_noise eta=0.5", "top_k"]
    found = [[defence.kind for defence in cell.scenario.cbig.api.defences] for cell in cells]
    assert found == [[], ["output_noise"], ["top_k"]]


def test_a_stage_stands_for_its_defences() -> None:
    labels = [cell.labels["defences"] for cell in expand_grid(of({"defences": ["none", "prediction"]}))]
    assert labels == ["none", *DEFENCES]


def test_settings_of_an_attack_come_after_the_attack_itself() -> None:
    cells = expand_grid(of({"after.shadow_size": [10, 20], "attacks": ["after"]}))
    assert [cell.scenario.timeline[4].attack.shadow_size for cell in cells] == [10, 20]  # type: ignore[union-attr]
