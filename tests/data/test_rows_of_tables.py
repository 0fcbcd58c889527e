"""Tables end to end: the wire's refusals, the threat check, and a drill on rows over real parties."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from predict_api import PredictApi, party_credentials, predict_api
from small import small

from leakdrill.archs import build
from leakdrill.archs.fully_connected import FullyConnected
from leakdrill.attacks import Boundary, Gap, Outlier
from leakdrill.data.forms import RowForm
from leakdrill.data.splits import deal
from leakdrill.errors import InvalidInput, ScenarioError
from leakdrill.models.training import predict
from leakdrill.network.identity import Credentials
from leakdrill.oracles.remote import RemoteOracle
from leakdrill.parties.publish import publish
from leakdrill.referee.dealing import party_configs
from leakdrill.referee.drill import Drill
from leakdrill.referee.local import LocalParties
from leakdrill.scenario.schema import Scenario
from leakdrill.scenario.threat import check_threat

DATA: dict[str, Any] = {
    "set": "synthtable",
    "classes": 8,
    "rows_per_class": 90,
    "features": 60,
    "splits": {
        "source_train": 20, "source_test": 20, "source_validation": 5, "shadow_train": 20, "shadow_test": 20,
    },
    "target": {"classes": 3, "train": 10, "test": 10},
}  # fmt: skip
FIT = {"epochs": 30, "batch_size": 32}
CNN = {"kind": "small_cnn"}


def of_rows(*timeline: object, data: dict[str, Any] | None = None, **changes: Any) -> Scenario:
    cbig = {"source_model": {"arch": {"kind": "fully_connected", "hidden": [32]}, "fit": FIT}}
    return small(data=DATA | (data or {}), timeline=list(timeline), **{"cbig": cbig} | changes)


@pytest.mark.slow
def test_a_drill_on_rows_finds_who_an_overfitted_network_was_trained_on(parties: LocalParties, tmp_path: Path) -> None:
    noise = {"kind": "noise_robustness", "queries_per_example": 20, "tuning_examples": 80, "fit": FIT}
    shadows = {"num_shadows": 4, "shadow_size": 60}
    scenario = of_rows(
        "train_source",
        "release",
        "adapt",
        {"attack": {"kind": "gap"}},
        {"attack": noise},
        {"attack": {"kind": "confidence_threshold", "fit": FIT}},
        {"breach": {"fidelity": {"bits": 16}}},
        {"attack": {"name": "after", "kind": "transmia", "shadow": "freeze", **shadows}},
        cbig={
            "source_model": {"arch": {"kind": "fully_connected", "hidden": [32]}, "fit": FIT},
            "api": {"outputs": ["scores", "label"]},
        },
    )
    with Drill(scenario, out=tmp_path / "run", parties=parties) as drill:
        results = drill.run()
    assert results.error is None
    assert results.verdict == "met"  # the rows alone tell nothing
    assert results.baseline is not None
    assert results.baseline.on == "the raw rows"
    found = {attack.name: attack for attack in results.attacks}
    assert set(found) == {"gap", "noise_robustness", "confidence_threshold", "after"}
    assert found["noise_robustness"].auc.low > 0.5
    assert found["noise_robustness"].notes["noise"].endswith(" flipped")
    assert results.breaches[0].blocks == ["standardise", "hidden1"]


@pytest.fixture(scope="module")
def credentials(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Credentials]:
    return party_credentials(tmp_path_factory.mktemp("credentials"), "cbig", "adversary")


@pytest.fixture
def api(credentials: dict[str, Credentials]) -> Iterator[PredictApi]:
    with predict_api(credentials["cbig"]) as api:
        yield api


def rows(num: int) -> np.ndarray[Any, np.dtype[np.float32]]:
    return np.random.default_rng(0).normal(size=(num, 6)).astype(np.float32)


def test_rows_are_answered_over_the_wire_as_they_are_in_process(
    api: PredictApi, credentials: dict[str, Credentials]
) -> None:
    model = build(FullyConnected(num_features=6), num_classes=4).eval()
    api.models["source"] = publish("source", model, 4, RowForm(6), ["logits"])
    with RemoteOracle("cbig/source", api.address, credentials["adversary"], batch_size=7) as oracle:
        np.testing.assert_array_equal(oracle.query(rows(30), "logits"), predict(model, rows(30)))


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (rows(3)[:, :5], r"got features FP32 \[3, 5\], wanted features FP32 \[-1, 6\]"),
        (np.where(np.arange(6) == 2, np.nan, rows(3)), "features has 3 NaN or infinite elements, wanted none"),
        (np.full((1, 6), 1e30) * 1e30, "features has 6 NaN or infinite elements, wanted none"),
    ],
    ids=["narrow", "nan", "infinite"],
)
def test_rows_that_are_no_rows_of_the_table_are_refused_and_cost_nothing(
    api: PredictApi, credentials: dict[str, Credentials], asked: np.ndarray[Any, Any], message: str
) -> None:
    api.models["source"] = publish("source", build(FullyConnected(num_features=6), 4).eval(), 4, RowForm(6), ["label"])
    with (
        RemoteOracle("cbig/source", api.address, credentials["adversary"]) as oracle,
        np.errstate(over="ignore"),
        pytest.raises(InvalidInput, match=message),
    ):
        oracle.query(asked, "label")
    assert not api.ledger.counts()


BY_TURNS = {"kind": "outlier", "by": {"kind": "rotation"}}


@pytest.mark.parametrize(
    "attack",
    [
        *({"kind": kind} for kind in ("rotation", "translation", "random_augmentation", "combined", "carlini_wagner")),
        *({"kind": kind} for kind in ("yoqo", "oslo")),
        {"kind": "lira", "augmentations": 2},
        BY_TURNS,
    ],
    ids=lambda attack: attack["kind"],
)
def test_an_attack_that_changes_images_is_refused_before_anything_is_played(attack: dict[str, Any]) -> None:
    kind = attack["kind"]
    with pytest.raises(ScenarioError, match=rf"'{kind}' \({kind}\) changes images, and data\.set synthtable has rows"):
        check_threat(of_rows("train_source", {"attack": attack}))


@pytest.mark.parametrize(
    ("attack", "message"),
    [
        ({"kind": "boundary", "arch": CNN}, "arch small_cnn takes images, .* rows: set its arch to fully_connected"),
        ({"kind": "quantile_regression"}, "arch small_cnn takes images, .* rows: set its arch to fully_connected"),
        ({"kind": "outlier", "by": {"kind": "boundary", "arch": CNN}}, r"by\.arch small_cnn takes images"),
        ({"kind": "boundary", "fit": {"shift": 1}}, r"'boundary' \(boundary\): fit has flip, translate, shift"),
        ({"kind": "target_model_mia", "target_fit": {"flip": True}}, "target_fit has flip, translate, shift or"),
    ],
)
def test_an_attack_whose_own_networks_are_for_images_is_refused(attack: dict[str, Any], message: str) -> None:
    with pytest.raises(ScenarioError, match=message):
        check_threat(of_rows("train_source", {"attack": attack}))


def test_an_attack_whose_own_network_is_for_rows_is_refused_for_images() -> None:
    attack = {"kind": "boundary", "arch": {"kind": "fully_connected"}}
    with pytest.raises(ScenarioError, match=r"arch fully_connected takes rows, and data\.set digits has images"):
        check_threat(small(timeline=["train_source", {"attack": attack}]))


def test_attacks_that_take_rows_are_let_through() -> None:
    rows_too = {"kind": "quantile_regression", "arch": {"kind": "fully_connected"}}
    outputs = {"api": {"outputs": ["scores", "label"]}}
    cbig = {"source_model": {"arch": {"kind": "fully_connected", "hidden": [32]}, "fit": FIT}} | outputs
    for attack in (rows_too, {"kind": "lira"}, {"kind": "outlier"}, {"kind": "boundary"}):
        check_threat(of_rows("train_source", {"attack": attack}, cbig=cbig))


def test_the_architecture_that_an_attack_assumes_is_told_the_rows_width() -> None:
    assumed = Boundary(arch=FullyConnected(hidden=(32,)))
    fitted = FullyConnected(hidden=(32,), num_features=6)
    assert assumed.fitted_to(RowForm(6)).arch == fitted
    assert Outlier(by=assumed).fitted_to(RowForm(6)).by.arch == fitted
    assert Gap().fitted_to(RowForm(6)) == Gap()


def test_a_network_for_images_is_refused_before_any_party_is_told_anything() -> None:
    scenario = of_rows("train_source", cbig={"source_model": {"arch": {"kind": "small_cnn"}}})
    with pytest.raises(ScenarioError, match="small_cnn takes images, the data are rows of 60 features"):
        party_configs(scenario, deal(scenario.data, "key"), {}, "drill", "key", {})


@pytest.mark.parametrize(
    ("cbig", "message"),
    [
        ({"arch": {"kind": "resnet8"}}, "arch resnet8 takes images, and data.set synthtable has rows: choose fully"),
        ({"arch": {"kind": "fully_connected"}, "fit": {"flip": True}}, "has flip, .* leave them out for rows"),
    ],
)
def test_a_scenario_made_for_images_is_refused_without_opening_the_table(cbig: dict[str, Any], message: str) -> None:
    with pytest.raises(ScenarioError, match=message):
        check_threat(of_rows("train_source", cbig={"source_model": cbig}))


def test_a_target_task_of_another_form_is_refused() -> None:
    target = {"classes": 3, "train": 10, "test": 10, "dataset": {"set": "digits"}}
    scenario = of_rows("train_source", data={"target": target})
    with pytest.raises(ScenarioError, match=r"target\.dataset has images of 32 pixels, the source task rows of 60"):
        deal(scenario.data, "key")


def test_two_classes_leave_none_to_hold_back() -> None:
    scenario = of_rows("train_source", data={"classes": 3})
    with pytest.raises(ScenarioError, match="holds 3 back for csmall: the source task needs at least 2 of its own"):
        deal(scenario.data, "key")
