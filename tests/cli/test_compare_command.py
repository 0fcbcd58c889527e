import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

from leakdrill.results import Interval, Results

Shell = Callable[..., Result]


@pytest.fixture
def stronger(tmp_path: Path, results: Results, write_run: Callable[..., Path]) -> Path:
    """A run whose attack "after" is far stronger than in the finished one, and which lacks "gap"."""
    run = write_run(tmp_path / "stronger")
    after = results.attacks[0].model_copy(update={"auc": Interval(value=0.9, low=0.88, high=0.92)})
    (run / "results.json").write_text(results.model_copy(update={"attacks": [after]}).model_dump_json())
    return run


def test_compare_prints_what_changed_and_exits_with_0(leakdrill: Shell, finished: Path, stronger: Path) -> None:
    answer = leakdrill("compare", finished, stronger)
    assert answer.exit_code == 0
    assert "+0.197 [+0.161, +0.233]" in answer.stdout  # hypot(0.02, 0.03)
    assert "stronger than before: after" in answer.stdout
    assert "independent intervals of after: other data, or another split, was dealt" in " ".join(answer.stdout.split())
    assert "nothing can be said of them: gap" in answer.stdout


def test_compare_fails_on_demand_where_an_attack_is_stronger_or_missing(
    leakdrill: Shell, finished: Path, stronger: Path
) -> None:
    assert leakdrill("compare", finished, stronger, "--fail-if-worse").exit_code == 1
    assert leakdrill("compare", stronger, finished, "--fail-if-worse").exit_code == 0
    assert leakdrill("compare", finished, finished, "--fail-if-worse").exit_code == 0
    kept = json.loads((finished / "results.json").read_text())
    kept["attacks"] = kept["attacks"][:1]
    (stronger / "results.json").write_text(json.dumps(kept))
    assert leakdrill("compare", finished, stronger, "--fail-if-worse").exit_code == 3


def test_compare_as_json_is_json_and_nothing_else(leakdrill: Shell, finished: Path, stronger: Path) -> None:
    found = json.loads(leakdrill("compare", finished, stronger, "--json").stdout)
    assert found["attacks"][0]["auc"]["difference"]["value"] == pytest.approx(0.197)
    assert found["only_old"] == ["gap"]


def test_compare_says_what_is_wrong_with_a_folder(leakdrill: Shell, finished: Path, tmp_path: Path) -> None:
    answer = leakdrill("compare", finished, tmp_path / "nowhere")
    assert answer.exit_code == 2
    assert "no run began there" in answer.stderr
