"""Imports run one way: services -> leakdrill -> leakdrill.pb; no party knows the referee or another party."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PARTIES = ("cbig", "csmall", "adversary")


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            yield from (f"{module}.{alias.name}" for alias in node.names)


def violations(path: Path, forbidden: tuple[str, ...]) -> list[str]:
    return [name for name in imports(path) if any(name == bad or name.startswith(f"{bad}.") for bad in forbidden)]


def files(folder: str) -> list[Path]:
    found = [path for path in (ROOT / folder).rglob("*.py") if "pb" not in path.relative_to(ROOT).parts]
    assert found, f"no files in {folder}: this test would pass without looking"
    return found


@pytest.mark.parametrize("party", PARTIES)
def test_a_party_imports_neither_another_party_nor_the_referee(party: str) -> None:
    others = (".", *(f"services.{other}" for other in PARTIES if other != party))  # "..csmall" is another party, too
    for path in files(f"services/{party}"):
        assert not violations(
            path,
            (
                *others,
                "leakdrill.referee",
                "leakdrill.runs",
                "leakdrill.player",
                "leakdrill.report",
                "leakdrill.data.splits",
                "leakdrill.data.tasks",
                "leakdrill.cli",
            ),
        ), path


def test_the_library_imports_no_service() -> None:
    for path in files("leakdrill"):
        assert not violations(path, ("services",)), path


def test_the_network_knows_nothing_of_what_is_said() -> None:
    science = ("archs", "attacks", "data", "defences", "models", "oracles", "parties", "scenario", "shadows")
    for path in files("leakdrill/network"):
        assert not violations(path, tuple(f"leakdrill.{package}" for package in science)), path


def test_the_science_knows_no_party() -> None:
    for package in ("archs", "attacks", "data", "datasets", "defences", "labelonly", "models", "oracles", "shadows"):
        for path in files(f"leakdrill/{package}"):
            assert not violations(path, ("leakdrill.parties",)), path


def test_only_the_referee_the_shell_what_reads_runs_and_what_hosts_players_import_the_referee() -> None:
    for path in files("leakdrill"):
        if (
            not {"referee", "cli", "runs", "report", "player"} & set(path.relative_to(ROOT).with_suffix("").parts)
            and path.name != "__init__.py"
        ):
            assert not violations(path, ("leakdrill.referee",)), path


def test_nothing_unpickles() -> None:
    banned = ("pickle", "cloudpickle", "dill", "shelve", "marshal", "joblib")
    for path in [*files("leakdrill"), *files("services")]:
        assert not violations(path, banned), path
        assert "torch.load(" not in path.read_text(), path
        assert "allow_pickle=True" not in path.read_text(), path


def test_the_check_can_fail(tmp_path: Path) -> None:
    guilty = tmp_path / "guilty.py"
    guilty.write_text(
        "def f():\n    from leakdrill.referee import truth\n    import services.cbig.servicer\n"
        "from ..cbig.servicer import SourceServicer\nfrom .servicer import TargetServicer\n"
    )
    assert violations(guilty, ("leakdrill.referee",)) == ["leakdrill.referee.truth"]
    assert violations(guilty, ("services.cbig",)) == ["services.cbig.servicer"]
    assert violations(guilty, (".",)) == ["..cbig.servicer.SourceServicer"]
