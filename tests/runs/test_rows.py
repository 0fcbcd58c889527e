import csv
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from leakdrill.errors import NotFound
from leakdrill.results import Results, WithinQueries
from leakdrill.runs.rows import COLUMNS, Row, columns_of, rows_of, write_csv
from leakdrill.scenario.loading import load_scenario


def row_of(rows: list[Row], name: str, metric: str) -> Row:
    (found,) = [row for row in rows if (row["name"], row["metric"]) == (name, metric)]
    return found


def test_a_row_has_one_number_and_says_what_it_is_a_number_of(finished: Path) -> None:
    row = row_of(rows_of(finished), "after", "auc")
    assert (row["value"], row["low"], row["high"], row["std"], row["num_repeats"]) == (0.703, 0.673, 0.733, 0.011, 3)
    assert (row["run"], row["cell"], row["seed"], row["verdict"]) == ("run", "", 7, "met")
    assert (row["part"], row["kind"], row["num_members"], row["queries"]) == ("attack", "transmia", 1000, 12_345)


def test_rates_have_their_counts_and_what_is_undefined_has_no_row(finished: Path) -> None:
    rows = rows_of(finished)
    tpr = row_of(rows, "after", "tpr@0.01")
    assert (tpr["value"], tpr["true_positives"], tpr["false_positives"]) == (0.043, 43, 10)
    accuracy = row_of(rows, "source", "test_accuracy")
    assert (accuracy["part"], accuracy["num_correct"], accuracy["num_examples"]) == ("model", 1210, 2000)
    assert not [row for row in rows if (row["name"], row["metric"]) == ("gap", "precision")]
    assert row_of(rows, "baseline", "auc")["part"] == "baseline"


def test_what_fewer_queries_buy_is_called_as_in_a_clause(
    tmp_path: Path, results: Results, write_run: Callable[..., Path]
) -> None:
    first, *rest = results.attacks
    curve = (WithinQueries(queries=300, auc=first.auc, accuracy=first.accuracy),)
    run = write_run(tmp_path / "run")
    changed = results.model_copy(update={"attacks": [first.model_copy(update={"curve": curve}), *rest]})
    (run / "results.json").write_text(changed.model_dump_json())
    assert row_of(rows_of(run), "after", "auc@300")["value"] == first.auc.value


def test_the_data_sets_are_those_of_the_scenario_as_a_drill_records_it(
    tmp_path: Path, results: Results, write_run: Callable[..., Path]
) -> None:
    run = write_run(tmp_path / "run")
    another = ["data.target.dataset.set=lfw", "data.target.dataset.root=lfw"]
    for settings, data in (([], "image_folder"), (another, "image_folder+lfw")):
        recorded = load_scenario("faceleaks-faces", settings).scenario.model_dump(mode="json")
        (run / "results.json").write_text(results.model_copy(update={"scenario": recorded}).model_dump_json())
        assert {row["data"] for row in rows_of(run)} == {data}


def test_processes_that_finish_at_once_do_not_take_each_others_file(
    finished: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second begins and ends while the first is in the midst of its rows."""
    write_rows = csv.DictWriter.writerows
    others: list[Path | None] = []

    def interrupted(writer: "csv.DictWriter[str]", rows: list[Row]) -> None:
        if not others:
            others.append(None)
            others[0] = write_csv(finished)
        write_rows(writer, rows)

    monkeypatch.setattr(csv.DictWriter, "writerows", interrupted)
    path = write_csv(finished)
    assert path is not None
    assert others == [path]
    with path.open(newline="") as file:
        assert len(list(csv.DictReader(file))) == len(rows_of(finished))
    assert not list(finished.glob("*.part"))


def test_results_csv_has_every_row_and_every_column(finished: Path) -> None:
    path = write_csv(finished)
    assert path == finished / "results.csv"
    with path.open(newline="") as file:
        table = list(csv.DictReader(file))
    rows = rows_of(finished)
    assert [(row["name"], row["metric"]) for row in table] == [(row["name"], row["metric"]) for row in rows]
    assert tuple(table[0]) == COLUMNS
    assert [float(row["value"]) for row in table] == [row["value"] for row in rows]  # to the last bit
    assert row_of(table, "gap", "auc")["std"] == ""


def test_a_cell_of_a_grid_has_what_it_sets_in_columns_of_their_own(grid: Path) -> None:
    rows = rows_of(grid)
    assert [row["before.shadow_size"] for row in rows if row["name"] == "gap" and row["metric"] == "auc"] == [50, 100]
    assert {row["cell"] for row in rows} == {path.name for path in (grid / "cells").iterdir()}
    assert columns_of(rows) == [*COLUMNS, "before.shadow_size", "cbig.source_model.fit"]
    assert json.loads(rows[0]["cbig.source_model.fit"]) == {"epochs": 3}


def test_a_question_with_commas_quotes_and_lines_comes_back_as_it_was(
    tmp_path: Path, results: Results, write_run: Callable[..., Path]
) -> None:
    question = 'Who, "exactly",\nis in?'
    run = write_run(tmp_path / "run")
    changed = results.model_copy(update={"scenario": results.scenario | {"question": question}})
    (run / "results.json").write_text(changed.model_dump_json())
    path = write_csv(run)
    assert path is not None
    with path.open(newline="") as file:
        assert next(csv.DictReader(file))["question"] == question


def test_where_nothing_is_finished_there_are_no_rows(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no run began there"):
        rows_of(tmp_path)
    assert write_csv(tmp_path) is None
    assert list(tmp_path.iterdir()) == []
