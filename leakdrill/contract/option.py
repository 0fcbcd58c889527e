"""pytest's option --plugin, for `pytest --pyargs leakdrill.contract`. Loaded by every pytest, so it imports little."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from leakdrill.spec import Spec

pytest.register_assert_rewrite("leakdrill.contract.attack")

PLUGIN: pytest.StashKey["Spec"] = pytest.StashKey()
MODULE: pytest.StashKey[str] = pytest.StashKey()  # the tests that are about such a plug-in


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("leakdrill")
    group.addoption("--plugin", metavar="FILE.py:CLASS", help="the attack or defence that leakdrill.contract is run on")
    group.addoption(
        "--settings",
        metavar="{KEY: VALUE}",
        default="{}",
        help="how it is set there, as in a scenario: small and quick",
    )


def pytest_configure(config: pytest.Config) -> None:
    if plugin := config.getoption("--plugin"):
        config.stash[PLUGIN], config.stash[MODULE] = _named(plugin, config.getoption("--settings"))


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Of the contract's modules, all but the one that is about the plug-in; without one, whatever says to name it."""
    is_ours = collection_path.parent == Path(__file__).parent and collection_path.name.startswith("test_")
    return True if is_ours and collection_path.name != config.stash.get(MODULE, "test_plugin.py") else None


def _named(plugin: str, settings: str) -> "tuple[Spec, str]":
    """The plug-in and the module of its tests, or pytest's own error of one line."""
    from pydantic import TypeAdapter, ValidationError

    from leakdrill.attacks import ATTACK_KINDS, AttackSpec
    from leakdrill.defences import DEFENCE_KINDS, DefenceSpec
    from leakdrill.defences.release import RELEASE_DEFENCE_KINDS, ReleaseDefenceSpec
    from leakdrill.defences.training import TRAINING_DEFENCE_KINDS, TrainingDefenceSpec
    from leakdrill.errors import ScenarioError
    from leakdrill.plugins import Kinds
    from leakdrill.scenario.anchors import anchored
    from leakdrill.scenario.safe_yaml import parse_yaml

    try:
        given = parse_yaml(settings, origin=f"--settings {settings}")
        if not isinstance(given, dict):
            raise pytest.UsageError(f"--settings {settings}: wanted a mapping, such as {{num_shadows: 4}}")
        kinds: dict[str, tuple[Kinds, Any]] = {
            "test_training_defence.py": (TRAINING_DEFENCE_KINDS, TrainingDefenceSpec),
            "test_release_defence.py": (RELEASE_DEFENCE_KINDS, ReleaseDefenceSpec),
            "test_defence.py": (DEFENCE_KINDS, DefenceSpec),
            "test_plugin.py": (ATTACK_KINDS, AttackSpec),  # last: its error is the one for what is none of them
        }
        named = anchored({"kind": plugin}, Path())
        module = next((module for module, (kind, _) in kinds.items() if kind.takes(named["kind"])), "test_plugin.py")
        spec: Spec = TypeAdapter[Any](kinds[module][1]).validate_python(given | named)
    except ValidationError as error:
        found = error.errors(include_url=False)
        told = [".".join(map(str, each["loc"])) + " " + each["msg"].removeprefix("Value error, ") for each in found]
        raise pytest.UsageError("; ".join(told).strip()) from error
    except ScenarioError as error:
        raise pytest.UsageError(str(error)) from error
    return spec, module
