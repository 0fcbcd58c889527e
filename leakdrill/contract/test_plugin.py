"""The contract of an attack, on the one that --plugin names."""

from pathlib import Path

import pytest
from pydantic import TypeAdapter, ValidationError

from leakdrill.attacks import AttackSpec
from leakdrill.attacks.base import Attack
from leakdrill.contract import attack
from leakdrill.contract.attack import *  # noqa: F403
from leakdrill.contract.attack import Case
from leakdrill.contract.option import PLUGIN
from leakdrill.errors import ScenarioError
from leakdrill.scenario.anchors import anchored
from leakdrill.scenario.safe_yaml import parse_yaml

CASES: dict[str, Case] = {}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    plugin, settings = metafunc.config.stash[PLUGIN]
    if plugin is None:
        raise pytest.UsageError("name the attack: pytest --pyargs leakdrill.contract --plugin ./mine.py:MyAttack")
    if not CASES:
        made = _attack(plugin, settings)
        CASES[made.name] = Case(made)
    attack.pytest_generate_tests(metafunc)


def _attack(plugin: str, settings: str) -> Attack:
    try:
        given = parse_yaml(settings, origin=f"--settings {settings}")
        if not isinstance(given, dict):
            raise ScenarioError(f"--settings {settings}: wanted a mapping, such as {{num_shadows: 4}}")
        made: Attack = TypeAdapter(AttackSpec).validate_python(given | anchored({"kind": plugin}, Path()))
    except ValidationError as error:
        told = (f"{'.'.join(map(str, each['loc'])) or plugin}: {each['msg']}" for each in error.errors())
        raise pytest.UsageError("; ".join(told)) from error
    except ScenarioError as error:
        raise pytest.UsageError(str(error)) from error
    return made
