from typing import Any

import pytest
from small_scenario import written

from leakdrill.errors import ScenarioError
from leakdrill.scenario.overrides import apply_overrides, as_written, parse_overrides
from leakdrill.scenario.schema import Scenario


def changed(**overrides: Any) -> dict[str, Any]:
    return apply_overrides(written(), {key.replace("__", "."): value for key, value in overrides.items()}, "--set")


def test_values_are_yaml_and_keep_what_comes_after_the_first_equals_sign() -> None:
    settings = ["seed=3", "data.root=/a=b", "csmall.apis=[recognition]", "question=Why?", "split_key='7'", "x="]
    assert parse_overrides(settings) == {
        "seed": 3,
        "data.root": "/a=b",
        "csmall.apis": ["recognition"],
        "question": "Why?",
        "split_key": "7",
        "x": None,
    }


@pytest.mark.parametrize("setting", ["seed", "=3", ""])
def test_a_setting_without_key_or_value_is_refused(setting: str) -> None:
    with pytest.raises(ScenarioError, match="wanted KEY=VALUE"):
        parse_overrides([setting])


def test_a_setting_that_is_no_yaml_is_refused_by_itself() -> None:
    with pytest.raises(ScenarioError, match=r"--set seed=\[, line 1"):
        parse_overrides(["seed=["])


def test_a_dotted_key_sets_what_is_there_and_makes_what_is_not() -> None:
    raw = changed(seed=9, cbig__source_model__arch__width=4, cbig__source_model__fit__epochs=5)
    assert raw["seed"] == 9
    assert raw["cbig"]["source_model"] == {"arch": {"kind": "small_cnn", "width": 4}, "fit": {"epochs": 5}}


def test_the_mapping_that_was_given_stays_as_it_was() -> None:
    raw = written()
    apply_overrides(raw, {"data.splits.source_train": 1, "after.shadow_size": 1}, "--set")
    assert raw == written()


def test_an_attacks_name_addresses_that_attack_and_a_kind_the_unnamed_one() -> None:
    timeline = changed(after__head__steps=5, gap__output="label")["timeline"]
    assert timeline[5]["attack"]["head"] == {"steps": 5}
    assert timeline[6]["attack"] == {"kind": "gap", "output": "label"}
    assert timeline[3] == written()["timeline"][3]


def test_what_follows_the_last_of_several_names_belongs_to_all_of_them() -> None:
    raw = apply_overrides(written(), {"cbig.source_model, attacks.fit.epochs": 5}, "--set")
    assert raw["cbig"]["source_model"]["fit"] == {"epochs": 5}
    assert [raw["timeline"][i]["attack"].get("fit") for i in (3, 5, 6)] == [{"epochs": 5}, {"epochs": 5}, None]


def test_attacks_addresses_every_attack_that_has_the_field() -> None:
    timeline = changed(attacks__shadow_size=99)["timeline"]
    assert [timeline[i]["attack"].get("shadow_size") for i in (3, 5, 6)] == [99, 99, None]


def test_names_joined_by_commas_address_each_of_those_attacks() -> None:
    changed = apply_overrides(written(), {"before,after.shadow_size": 98}, "--set")["timeline"]
    assert [changed[i]["attack"].get("shadow_size") for i in (3, 5, 6)] == [98, 98, None]


def test_breach_addresses_the_breach_and_full_fidelity_may_be_refined() -> None:
    assert changed(breach__fidelity__bits=8)["timeline"][4]["breach"]["fidelity"] == {"bits": 8}


def test_a_data_sets_own_key_reaches_it_as_written_and_as_validated() -> None:
    assert changed(data__root="/x")["data"]["root"] == "/x"
    validated = Scenario.model_validate(written()).model_dump(mode="json")
    data = apply_overrides(validated, {"data.root": "/x", "data.image_size": 16}, "--set")["data"]
    assert (data["dataset"]["root"], data["image_size"]) == ("/x", 16)


@pytest.mark.parametrize(
    ("key", "message"),
    [
        (
            "afer.num_shadows",
            "--set afer.num_shadows: unknown key 'afer'; did you mean 'after'? known: adversary, after",
        ),
        ("sed", "unknown key 'sed'; did you mean 'seed'?"),
        ("attacks.shaddow_size", "no attack here has 'shaddow_size'; did you mean 'shadow_size'?"),
        ("after", "name one of its fields, such as after.name"),
        ("cbig.source_model.arch.kind.x", "'kind' is 'small_cnn' here, which has no keys of its own"),
        ("timeline.0.x", "'timeline' is ['train_source'"),
    ],
)
def test_a_key_that_leads_nowhere_is_refused_with_what_is_close(key: str, message: str) -> None:
    with pytest.raises(ScenarioError) as error:
        apply_overrides(written(), {key: 3}, "--set")
    assert message in str(error.value)


def test_breach_without_a_breach_is_an_unknown_key() -> None:
    raw = written()
    del raw["timeline"][4]
    with pytest.raises(ScenarioError, match="unknown key 'breach'"):
        apply_overrides(raw, {"breach.fidelity.bits": 8}, "--set")


def test_a_scenario_as_written_leaves_defaults_out_and_means_the_same() -> None:
    scenario = Scenario.model_validate(written())
    again = as_written(scenario)
    assert Scenario.model_validate(again) == scenario
    assert again["cbig"] == written()["cbig"]
    assert again["timeline"][4] == {"step": "breach", "breach": {}}


def test_so_an_attacks_kind_can_be_changed_without_its_old_defaults_in_the_way() -> None:
    raw = apply_overrides(as_written(Scenario.model_validate(written())), {"gap.kind": "entropy"}, "grid:")
    assert Scenario.model_validate(raw).timeline[6].attack.kind == "entropy"  # type: ignore[union-attr]
