"""pytest's option --plugin, for `pytest --pyargs leakdrill.contract`. Loaded by every pytest, so it imports little."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from leakdrill.attacks.base import Attack

pytest.register_assert_rewrite("leakdrill.contract.attack")

PLUGIN: pytest.StashKey["Attack"] = pytest.StashKey()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("leakdrill")
    group.addoption("--plugin", metavar="FILE.py:CLASS", help="the attack that leakdrill.contract is run on")
    group.addoption(
        "--settings",
        metavar="{KEY: VALUE}",
        default="{}",
        help="how it is set there, as in a scenario: small and quick",
    )


def pytest_configure(config: pytest.Config) -> None:
    if plugin := config.getoption("--plugin"):
        config.stash[PLUGIN] = _attack(plugin, config.getoption("--settings"))


def _attack(plugin: str, settings: str) -> "Attack":
    """The attack, or pytest's own error of one line."""
    from pydantic import TypeAdapter, ValidationError

    from leakdrill.attacks import AttackSpec
    from leakdrill.attacks.base import Attack
    from leakdrill.errors import ScenarioError
    from leakdrill.scenario.anchors import anchored
    from leakdrill.scenario.safe_yaml import parse_yaml

    try:
        given = parse_yaml(settings, origin=f"--settings {settings}")
        if not isinstance(given, dict):
            raise pytest.UsageError(f"--settings {settings}: wanted a mapping, such as {{num_shadows: 4}}")
        attack: Attack = TypeAdapter(AttackSpec).validate_python(given | anchored({"kind": plugin}, Path()))
    except ValidationError as error:
        found = error.errors(include_url=False)
        told = [".".join(map(str, each["loc"])) + " " + each["msg"].removeprefix("Value error, ") for each in found]
        raise pytest.UsageError("; ".join(told).strip()) from error
    except ScenarioError as error:
        raise pytest.UsageError(str(error)) from error
    return attack
