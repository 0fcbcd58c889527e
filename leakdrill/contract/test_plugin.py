"""The contract of an attack, on the one that --plugin names."""

import pytest

from leakdrill.attacks.base import Attack
from leakdrill.contract import attack
from leakdrill.contract.attack import *  # noqa: F403
from leakdrill.contract.attack import Case
from leakdrill.contract.option import PLUGIN

CASES: dict[str, Case] = {}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:  # type: ignore[no-redef]
    named = metafunc.config.stash.get(PLUGIN, None)
    if named is None:
        pytest.fail("name the plug-in: pytest --pyargs leakdrill.contract --plugin ./mine.py:MyAttack", pytrace=False)
    assert isinstance(named, Attack)
    CASES[named.name] = Case(named)
    attack.pytest_generate_tests(metafunc)
