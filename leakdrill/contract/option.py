"""pytest's option --plugin, for `pytest --pyargs leakdrill.contract`. Loaded by every pytest, so it imports little."""

import pytest

pytest.register_assert_rewrite("leakdrill.contract.attack")

PLUGIN: pytest.StashKey[tuple[str | None, str]] = pytest.StashKey()


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
    config.stash[PLUGIN] = config.getoption("--plugin"), config.getoption("--settings")
