"""What a run found as rows, one for each metric of each attack and model: results.csv, and what load_runs returns.

Long form, for a table of its own is then a matter of filtering and pivoting: a row has a single number, its interval,
and everything that says what it is a number of. A cell of a grid has what it sets in columns named by the dotted key.
"""

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from leakdrill import whole
from leakdrill.errors import NotFound
from leakdrill.results import AttackResult, Interval, ModelResult, Proportion, Results, Spread, TprAtFpr
from leakdrill.runs.reading import cells_of, finished_drills, is_run

Row = dict[str, Any]

RESULTS_CSV = "results.csv"
COLUMNS = (
    # the drill
    "run",
    "cell",
    "scenario",
    "question",
    "seed",
    "data",
    "data_sha256",
    "commit",
    "verdict",
    "defences",
    # what was measured of it
    "part",  # attack, baseline or model
    "name",
    "kind",
    "goal",
    "on",
    "adaptive_to",
    "unit",
    "num_members",
    "num_non_members",
    "queries",
    "cost",
    # the number
    "metric",
    "value",
    "low",
    "high",
    "std",  # over repeats
    "num_repeats",
    "true_positives",
    "false_positives",
    "num_correct",
    "num_examples",
)
_STARTED = re.compile(r"-\d{8}-\d{6}$")  # as leakdrill run names a run's folder


def rows_of(run_dir: Path) -> list[Row]:
    """Of a drill, or of every finished cell of a grid. Raises NotFound when there is none."""
    settings = cells_of(run_dir) if is_run(run_dir) else {}
    found: list[Row] = []
    for folder, results in finished_drills(run_dir):
        given = {column(key): _plain(value) for key, value in settings.get(folder, {}).items()}
        of_run = _of_run(run_dir, folder, results) | given
        found += [of_run | row for row in _rows(results)]
    return found


def write_csv(run_dir: Path) -> Path | None:
    """results.csv in the run's folder, whole or not at all; None while nothing is finished there.

    Several processes may write it at once, as those of a sharded sweep do: the last has its way.
    """
    try:
        rows = rows_of(run_dir)
    except NotFound:
        return None
    table = io.StringIO(newline="")
    writer = csv.DictWriter(table, columns_of(rows))
    writer.writeheader()
    writer.writerows(rows)
    path = run_dir / RESULTS_CSV
    whole.write(path, table.getvalue().encode())
    return path


def columns_of(rows: Iterable[Row]) -> list[str]:
    """All of `COLUMNS`, then what grids set, in the order in which it comes."""
    return list(dict.fromkeys([*COLUMNS, *(name for row in rows for name in row)]))


def column(key: str) -> str:
    """Of what a grid sets: its dotted key, unless a column of ours is called that."""
    return f"grid.{key}" if key in COLUMNS and key != "seed" else key


def _of_run(run_dir: Path, folder: Path, results: Results) -> Row:
    scenario = results.scenario
    name = run_dir.resolve().name
    return {
        "run": name,
        "cell": "" if folder == run_dir else folder.name,
        "scenario": _STARTED.sub("", name),
        "question": scenario.get("question"),
        "seed": scenario.get("seed"),
        "data": _joined(datasets_of(results)),
        "data_sha256": results.environment.get("data_sha256"),
        "commit": results.environment.get("commit"),
        "verdict": results.verdict,
        "defences": _joined(defence.kind for defence in results.defences),
    }


def datasets_of(results: Results) -> list[str]:
    """Kinds of the data sets that a drill dealt from: the source task's, and csmall's where that is another."""
    data = results.scenario.get("data", {})
    places = (data, data.get("target") or {})
    return list(dict.fromkeys(place["dataset"]["set"] for place in places if place.get("dataset")))


def _rows(results: Results) -> Iterator[Row]:
    for attack in results.attacks:
        yield from _of_attack("attack", attack)
    if results.baseline:
        yield from _of_attack("baseline", results.baseline)
    for name, model in results.models.items():
        yield from _of_model(name, model)


def _of_attack(part: str, attack: AttackResult) -> Iterator[Row]:
    about: Row = {
        "part": part,
        "name": attack.name,
        "kind": attack.kind,
        "goal": attack.goal,
        "on": attack.on,
        "adaptive_to": _joined(attack.adaptive_to),
        "unit": attack.unit,
        "num_members": attack.num_members,
        "num_non_members": attack.num_non_members,
        "queries": sum(attack.queries.values()),
        "cost": attack.cost,
    }
    for metric, found in metrics_of(attack).items():
        yield about | {"metric": metric} | _number(found) | _spread(attack.over_repeats.get(metric))


def metrics_of(attack: AttackResult) -> dict[str, Interval | float]:
    """All that is defined, by the names that `expect` has for them."""
    rates = ("auc", "accuracy", "precision", "recall", "f1")
    macro = {f"macro_{name}": getattr(attack.macro, name) for name in ("accuracy", "precision", "recall")}
    found: dict[str, Interval | float | None] = {name: getattr(attack, name) for name in rates}
    found |= {f"tpr@{point.fpr:g}": point for point in attack.tpr_at_fpr}
    found |= {f"auc@{point.queries}": point.auc for point in attack.curve}
    found |= {f"accuracy@{point.queries}": point.accuracy for point in attack.curve}
    found |= macro | {"example_auc": attack.example_auc}
    return {name: each for name, each in found.items() if each is not None}


def _of_model(name: str, model: ModelResult) -> Iterator[Row]:
    for metric, found in metrics_of_model(model).items():
        yield {"part": "model", "name": name, "metric": metric} | _number(found)


def metrics_of_model(model: ModelResult) -> dict[str, Proportion]:
    found = {name: getattr(model, name) for name in ("train_accuracy", "test_accuracy", "validation_accuracy")}
    return {name: each for name, each in found.items() if each is not None}


def _number(found: Interval | float) -> Row:
    match found:
        case TprAtFpr():
            counts = {"true_positives": found.true_positives, "false_positives": found.false_positives}
        case Proportion():
            counts = {"num_correct": found.num_correct, "num_examples": found.num_examples}
        case _:
            counts = {}
    if isinstance(found, Interval):
        return {"value": found.value, "low": found.low, "high": found.high} | counts
    return {"value": found}


def _spread(spread: Spread | None) -> Row:
    return {} if spread is None else {"std": spread.std, "num_repeats": spread.num_repeats}


def _joined(kinds: Iterable[str]) -> str:
    return "+".join(kinds)


def _plain(value: Any) -> Any:
    return json.dumps(value) if isinstance(value, dict | list) else value
