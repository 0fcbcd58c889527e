"""Attacks, defences and data sets of the user's own: named in a scenario, found, refused for what they lack."""

import json
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import TypeAdapter
from small import SMALL

from leakdrill import plugins
from leakdrill.attacks import ATTACK_KINDS, AttackSpec
from leakdrill.data.forms import ImageForm
from leakdrill.errors import InvalidInput, ScenarioError
from leakdrill.models.artefact import Description
from leakdrill.referee.drill import Drill
from leakdrill.referee.local import LocalParties
from leakdrill.scenario.loading import load_scenario
from leakdrill.scenario.overrides import apply_overrides, as_written
from leakdrill.scenario.schema import Scenario
from leakdrill.spec import from_json

MINE = '''
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from leakdrill.attacks.base import SOURCE_SCORES, Access, Attack, Verdict, View
from leakdrill.defences.base import Defence, Keys, Scores
from leakdrill.defences.release.base import ReleaseDefence, with_kernels
from leakdrill.defences.training.base import TrainingDefence
from leakdrill.datasets.digits import Digits
from leakdrill.spec import Spec


class Confident(Attack):
    """In if the model is sure (Yeom et al. 2018, section 3.3)."""

    kind: Literal["confident"] = "confident"
    threshold: float = Field(0.9, gt=0, lt=1)

    @property
    def needs(self) -> frozenset[Access]:
        return frozenset({SOURCE_SCORES})

    def run(self, view: View) -> Verdict:
        scores = view.victim.query(view.challenge.inputs, "scores").max(axis=1).astype(np.float64)
        return Verdict(scores, scores > self.threshold)


class Column(Confident):
    """Its scores have the wrong shape (unpublished)."""

    kind: Literal["column"] = "column"

    def run(self, view: View) -> Verdict:
        said = super().run(view)
        return Verdict(said.scores[:, None], said.decisions)


class Sharpen(Defence):
    """Squares every score (unpublished)."""

    kind: Literal["sharpen"] = "sharpen"
    keeps_argmax: ClassVar[bool] = True

    def defend(self, scores: Scores, keys: Keys) -> Scores:
        return scores**2 / (scores**2).sum(axis=1, keepdims=True)


class Patient(TrainingDefence):
    """Half the learning rate (unpublished)."""

    kind: Literal["patient"] = "patient"

    def changed_fit(self, fit):
        return fit.model_copy(update={"learning_rate": fit.learning_rate / 2})


class Halved(ReleaseDefence):
    """Every kernel at half its size (unpublished)."""

    kind: Literal["halved"] = "halved"

    def obfuscated(self, artefact, releaser):
        return with_kernels(artefact, lambda name, tensor: tensor / 2)


class Few(Spec):
    """The digits, by another name (unpublished)."""

    set: Literal["few"] = "few"

    def open(self):
        return Digits(set="digits").open()
'''
START = "from typing import Literal\nfrom leakdrill.attacks.base import Attack\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "mine.py").write_text(MINE)
    return tmp_path


def written(folder: Path, **changes: Any) -> Path:
    file = folder / "mine.yaml"
    timeline = ["train_source", {"attack": {"kind": "./mine.py:Confident"}}]
    file.write_text(yaml.safe_dump(SMALL | {"timeline": timeline} | changes))
    return file


def test_an_attack_defences_and_a_data_set_in_a_file_beside_the_scenario_are_played(
    folder: Path, parties: LocalParties
) -> None:
    data = {key: value for key, value in SMALL["data"].items() if key != "set"} | {"set": "./mine.py:Few"}
    cbig = {
        "source_model": SMALL["cbig"]["source_model"] | {"defences": [{"kind": "./mine.py:Patient"}]},
        "release_defences": [{"kind": "./mine.py:Halved"}],
        "api": {"defences": [{"kind": "./mine.py:Sharpen"}]},
    }
    timeline = [
        "train_source",
        "release",
        *({"attack": {"kind": f"./mine.py:{name}"}} for name in ("Confident", "Column")),
    ]
    scenario = written(folder, data=data, cbig=cbig, timeline=timeline)
    with Drill(scenario, out=folder / "run", parties=parties) as drill:
        results = drill.run()
    mine = str(folder / "mine.py")
    assert results.verdict == "broken"
    assert "attack 'column' gave scores of shape (280, 1) and float64, wanted (280,) float64" in str(results.error)
    assert [(attack.name, attack.kind) for attack in results.attacks] == [("confident", "confident")]
    assert results.attacks[0].queries == {"cbig/source": 280}
    assert results.environment["plugins"].keys() == {mine}
    assert [defence.kind for defence in results.defences] == ["patient", "halved", "sharpen"]
    resumed = Scenario.model_validate_json((folder / "run" / "scenario.json").read_text())
    assert resumed == drill.scenario
    assert f"{mine}:Few" in (folder / "run" / "scenario.json").read_text()


def test_settings_of_a_plug_in_are_checked_and_named_like_any_others(folder: Path) -> None:
    for setting, told in (
        ("confident.threshold=3", "timeline[1].attack.threshold (attack '{}'): wanted less than 1, got 3"),
        ("confident.treshold=0.5", "timeline[1].attack.treshold (attack '{}'): unknown key; did you mean 'threshold'?"),
    ):
        with pytest.raises(ScenarioError) as error:
            load_scenario(written(folder), [setting])
        assert told.format(folder / "mine.py:Confident") in str(error.value)


def test_a_plug_in_is_written_again_as_it_was_named_and_set_by_its_own_name(folder: Path) -> None:
    raw = as_written(load_scenario(written(folder)).scenario)
    assert raw["timeline"][1]["attack"]["kind"] == f"{folder}/mine.py:Confident"
    changed = Scenario.model_validate(apply_overrides(raw, {"confident.threshold": 0.2}, "grid:"))
    assert changed.timeline[1].model_dump()["attack"]["threshold"] == 0.2


def test_a_plug_in_by_itself_goes_to_json_and_back(folder: Path) -> None:
    attack = TypeAdapter[Any](AttackSpec).validate_python({"kind": f"{folder}/mine.py:Confident", "threshold": 0.3})
    assert attack.name == attack.kind == "confident"
    assert json.loads(plugins.to_json(attack))["kind"] == f"{folder}/mine.py:Confident"
    assert from_json(AttackSpec, plugins.to_json(attack), "the attack") == attack


@pytest.mark.parametrize(
    ("module", "told"),
    [
        ("import nowhere_to_be_found\n", "mine.py cannot be imported: line 1: ModuleNotFoundError: No module named"),
        ("x = 1\nif x\n", "mine.py cannot be imported: SyntaxError: expected ':'"),
        ("class Other: pass\n", "the file has no 'Mine', only Other"),
        ("class Mine: pass\n", "mine.py:Mine is no Attack: derive it from leakdrill.attacks.base.Attack"),
        (
            START + "class Mine(Attack):\n    '''In (A. Uthor 2020).'''\n",
            "has no `kind`: give the class a line like kind",
        ),
        (
            START + "class Mine(Attack):\n    '''In.'''\n    kind: Literal['m'] = 'm'\n",
            "cites nothing: begin its docstring",
        ),
        (
            START + "class Mine(Attack):\n    '''In (unpublished).'''\n    kind: Literal['gap'] = 'gap'\n",
            "calls itself 'gap', as one of leakdrill's own does",
        ),
        (None, "there is no file"),
    ],
)
def test_what_is_no_plug_in_is_refused_in_a_line_that_says_what_it_lacks(
    module: str | None, told: str, tmp_path: Path
) -> None:
    if module is not None:
        (tmp_path / "mine.py").write_text(module)
    with pytest.raises(ScenarioError) as error:
        load_scenario(written(tmp_path, timeline=["train_source", {"attack": {"kind": "./mine.py:Mine"}}]))
    assert told in str(error.value)
    assert "timeline[1].attack" in str(error.value)
    assert "\n" not in str(error.value)


def test_an_installed_package_adds_kinds_by_entry_points(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "their_package.py").write_text(MINE)
    monkeypatch.syspath_prepend(folder)
    points = [
        EntryPoint("confident", "their_package:Confident", "leakdrill.attacks"),
        EntryPoint("gone", "their_package:Gone", "leakdrill.attacks"),
    ]

    def entry_points(group: str, name: str | None = None) -> list[EntryPoint]:
        return [point for point in points if point.group == group and name in (None, point.name)]

    monkeypatch.setattr(plugins, "entry_points", entry_points)
    attack = TypeAdapter[Any](AttackSpec).validate_python({"kind": "confident"})
    assert type(attack).__module__ == "their_package"
    with pytest.raises(ScenarioError, match=r"attack gone \(their_package:Gone\) cannot be imported: AttributeError"):
        ATTACK_KINDS.installed()
    del points[1]
    assert list(ATTACK_KINDS.installed()) == ["confident"]


def test_what_another_party_sends_makes_nobody_import_a_file(folder: Path) -> None:
    arch = {"kind": f"{folder}/mine.py:Confident"}
    text = json.dumps({"name": "g", "arch": arch, "blocks": ["stem"], "form": {"image_size": ImageForm(8).image_size}})
    with pytest.raises(InvalidInput, match="cannot be a class in a file, since other parties build it too"):
        from_json(Description, text, "an artefact's description")
