from collections.abc import Callable
from pathlib import Path

import numpy as np
from small import small
from typer.testing import Result

from leakdrill.player.scores import opaque_ids, to_csv
from leakdrill.player.seats import alone, write_seats
from leakdrill.referee.journal import OPENED, Journal
from leakdrill.referee.truth import Truth, save_scenario, save_split_key
from leakdrill.results import Results

Shell = Callable[..., Result]


def test_scores_are_judged_counted_and_stand_among_the_results_of_a_judged_run(
    leakdrill: Shell, tmp_path: Path, results: Results
) -> None:
    is_member = np.arange(40) % 2 == 0
    save_scenario(tmp_path, small())
    save_split_key(tmp_path / "truth", "key")
    Truth(is_member, np.arange(40) % 4).save(tmp_path / "truth")
    Journal(tmp_path / "journal.jsonl").append(OPENED, drill="d")
    (tmp_path / "scores").mkdir()
    (tmp_path / "results.json").write_text(results.model_dump_json())
    write_seats(tmp_path, alone(most=1))
    (tmp_path / "mine.csv").write_bytes(to_csv(opaque_ids("key", 40), is_member.astype(float).tolist()))
    (tmp_path / "other.csv").write_bytes(to_csv(opaque_ids("key", 40), (~is_member).astype(float).tolist()))
    answer = leakdrill("submit", tmp_path, tmp_path / "mine.csv")
    assert answer.exit_code == 0, answer.stderr
    assert answer.stdout.startswith("player: submission 1 of 1: AUC 1.00 [0.82, 1.00] after 0 queries; none left")
    assert "player_1" in leakdrill("show", tmp_path).stdout
    again = leakdrill("submit", tmp_path, tmp_path / "other.csv", "--name", "player")
    assert again.exit_code == 2
    assert "player has handed in 1 of 1 submissions" in again.stderr


def test_what_is_not_there_is_said(leakdrill: Shell, tmp_path: Path) -> None:
    answer = leakdrill("submit", tmp_path, tmp_path / "scores.csv")
    assert answer.exit_code == 2
    assert "takes no submissions: wanted the folder of a run that leakdrill up has started" in answer.stderr
    write_seats(tmp_path, alone(most=1))
    answer = leakdrill("submit", tmp_path, tmp_path / "scores.csv")
    assert answer.exit_code == 2
    assert "scores.csv: wanted scores.csv, as client.py" in answer.stderr.replace("\n", " ")
