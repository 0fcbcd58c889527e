"""Defences in a file: what they make is kept by their code, workers can build them, and their contract finds faults."""

import pickle
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from leakdrill import plugins
from leakdrill.contract import option, test_defence, test_release_defence, test_training_defence
from leakdrill.defences.release import ReleaseDefenceSpec
from leakdrill.defences.training import TrainingDefenceSpec
from leakdrill.shadows.recipes import TrainedWith

MINE = '''
from dataclasses import replace
from typing import ClassVar, Literal

import torch

from leakdrill.defences.base import Defence
from leakdrill.defences.release.base import ReleaseDefence
from leakdrill.defences.training.base import TrainingDefence


class Plain(TrainingDefence):
    """Nothing at all (unpublished)."""

    kind: Literal["plain"] = "plain"
    strength: float = 1.0


class Careless(TrainingDefence):
    """Weights from the global generator (unpublished)."""

    kind: Literal["careless"] = "careless"

    def changed(self, course):
        torch.nn.init.normal_(course.model[-1].weight)
        return course


class Cut(ReleaseDefence):
    """A tensor left out (unpublished)."""

    kind: Literal["cut"] = "cut"

    def obfuscated(self, artefact, releaser):
        return replace(artefact, weights=dict(list(artefact.weights.items())[1:]))


class Doubled(Defence):
    """Twice every score (unpublished)."""

    kind: Literal["doubled"] = "doubled"
    keeps_argmax: ClassVar[bool] = True

    def defend(self, scores, keys):
        return 2 * scores
'''


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "mine.py").write_text(MINE)
    return tmp_path / "mine.py"


def built(spec: Any, kind: str, **settings: Any) -> Any:
    return TypeAdapter(spec).validate_python({"kind": kind} | settings)


def test_a_worker_process_can_build_what_it_is_sent(file: Path) -> None:
    sent = pickle.dumps(built(TrainingDefenceSpec, f"{file}:Plain", strength=3))
    for name in [name for name in plugins.sys.modules if name.startswith("leakdrill_plugin_mine_")]:
        del plugins.sys.modules[name]  # as in a process that has not read the scenario
    assert pickle.loads(sent).strength == 3  # noqa: S301


def test_what_a_defence_makes_is_not_taken_for_what_another_version_of_its_file_makes(tmp_path: Path) -> None:
    made_of = []
    for version in ("1", "2"):
        (tmp_path / version).mkdir()
        (tmp_path / version / "mine.py").write_text(f"{MINE}\n# version {version}\n")
        made_of.append(TrainedWith((built(TrainingDefenceSpec, f"{tmp_path}/{version}/mine.py:Plain"),)).made_of())
    assert made_of[0] != made_of[1]


@pytest.mark.parametrize(("spec", "name"), [(TrainingDefenceSpec, "Cut"), (ReleaseDefenceSpec, "Plain")])
def test_a_defence_of_another_stage_is_refused_with_what_it_should_be(spec: Any, name: str, file: Path) -> None:
    wanted = "TrainingDefence" if name == "Cut" else "ReleaseDefence"
    with pytest.raises(ValidationError, match=f"mine.py:{name} is no {wanted}: derive it from leakdrill.defences"):
        built(spec, f"{file}:{name}")


@pytest.mark.parametrize(
    ("name", "module"),
    [("Plain", test_training_defence), ("Cut", test_release_defence), ("Doubled", test_defence)],
)
def test_the_contract_is_that_of_the_defences_stage(name: str, module: ModuleType, file: Path) -> None:
    named, tests = option._named(f"{file}:{name}", "{}")
    assert type(named).__name__ == name
    assert tests == Path(str(module.__file__)).name


def test_the_contract_passes_a_defence_that_keeps_it_and_finds_what_is_wrong_with_others(
    file: Path, tmp_path: Path
) -> None:
    def named(name: str) -> Any:
        return option._named(f"{file}:{name}", "{}")[0]

    test_training_defence.test_the_same_seed_makes_the_same_model_whatever_the_global_generator(named("Plain"))
    with pytest.raises(AssertionError):
        test_training_defence.test_the_same_seed_makes_the_same_model_whatever_the_global_generator(named("Careless"))
    with pytest.raises(AssertionError):
        test_release_defence.test_csmall_can_build_on_what_leaves_as_on_what_was_made(named("Cut"), tmp_path)
    with pytest.raises(AssertionError):
        test_defence.test_answers_are_probabilities(named("Doubled"), tmp_path)
