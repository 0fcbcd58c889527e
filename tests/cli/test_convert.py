from collections.abc import Callable
from pathlib import Path

from typer.testing import Result

Shell = Callable[..., Result]


def test_data_cifar10_refuses_what_is_not_the_binary_archive(leakdrill: Shell, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    answer = leakdrill("data", "cifar10", tmp_path / "empty", tmp_path / "out")
    assert answer.exit_code == 2
    assert "CIFAR-10 binary version" in answer.stderr
    assert not (tmp_path / "out").exists()
