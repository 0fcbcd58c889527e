"""What a scenario's defences and attacks ask of each other, of the data and of the networks."""

from typing import Any

import pytest
from small_scenario import written

from leakdrill.errors import ScenarioError
from leakdrill.scenario.overrides import apply_overrides
from leakdrill.scenario.schema import Scenario
from leakdrill.scenario.threat import check_threat

DP = {"kind": "dp_sgd", "noise_multiplier": 1}
GROUP = {"kind": "small_cnn", "norm": "group"}
ADAPTIVE = {"kind": "confidence_threshold", "defended_shadows": True}
TABLE = {
    "set": "synthtable",
    "classes": 4,
    "rows_per_class": 300,
    "splits": {"source_train": 50, "source_test": 50, "source_validation": 50, "source_public": 50},
    "target": None,
}


def scenario(defences: list[Any], attack: dict[str, Any], **overrides: Any) -> Scenario:
    settings: dict[str, Any] = {
        "cbig.source_model": {"arch": GROUP, "fit": {"epochs": 5}, "defences": defences},
        "adversary.knows": {"defences": True, "architecture": True},
    }
    settings |= {key.replace("__", "."): value for key, value in overrides.items()}
    timeline = ["train_source", {"attack": attack}]
    raw = apply_overrides(written(), settings, "test:")
    return Scenario.model_validate(raw | {"expect": [], "grid": {}, "timeline": timeline})


@pytest.mark.parametrize(
    ("defence", "settings", "why"),
    [
        (DP, {"arch": {"kind": "resnet8"}}, "batch normalisation"),
        (DP, {"fit": {"translate": 1}}, "translate"),
        (DP, {"fit": {"loss": "cosface"}}, "loss: softmax"),
        ({"kind": "early_stopping", "epochs": 4}, {"fit": {"epochs": 3}}, "a fit that has 3"),
    ],
)
def test_shadow_models_must_be_able_to_run_the_defences(
    defence: dict[str, Any], settings: dict[str, Any], why: str
) -> None:
    with pytest.raises(ScenarioError, match=rf"'confidence_threshold' .*whose shadow models run .*{why}"):
        check_threat(scenario([defence], ADAPTIVE | settings))
    check_threat(scenario([defence], ADAPTIVE | settings | {"defended_shadows": False}))
    check_threat(scenario([defence], ADAPTIVE))


def test_an_epsilon_is_not_reported_of_a_model_whose_answers_are_fitted_on_members_beside_it() -> None:
    guarded = scenario([DP], {"kind": "gap"}, cbig__api__defences=[{"kind": "memguard"}])
    with pytest.raises(ScenarioError, match="memguard, which is fitted on members"):
        check_threat(guarded)
    check_threat(scenario([DP], {"kind": "gap"}, cbig__api__defences=[{"kind": "purification"}]))
    check_threat(scenario([{"kind": "l2"}], {"kind": "gap"}, cbig__api__defences=[{"kind": "memguard"}]))


def test_a_fitted_defence_behind_another_is_refused_where_it_is_written() -> None:
    with pytest.raises(ValueError, match="put memguard first"):
        scenario([], {"kind": "gap"}, cbig__api__defences=[{"kind": "temperature"}, {"kind": "memguard"}])


@pytest.mark.parametrize(
    "defended",
    [
        {"cbig__source_model__defences": [{"kind": "transfer", "fit": {"flip": True}}]},
        {"cbig__release_defences": [{"kind": "distillation", "fit": {"shift": 2}}]},
    ],
    ids=["transfer", "distillation"],
)
def test_a_defences_own_fit_changes_no_image_where_there_are_rows(defended: dict[str, Any]) -> None:
    rows = {"data": TABLE, "cbig__source_model__arch": {"kind": "fully_connected"}}
    with pytest.raises(ScenarioError, match=r"(transfer|distillation)\.fit has flip, translate, shift or cutout"):
        check_threat(scenario([], {"kind": "gap"}, **rows, **defended))
