"""Folders of runs whose findings are known by hand: recorded without a drill, so that each test can damage its own."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from recorded_runs import SCENARIO, found, journal, judged_as

from leakdrill.metrics import proportion
from leakdrill.results import BreachResult, ExpectationResult, ModelResult, Results

Record = Callable[..., Path]


@pytest.fixture(scope="session")
def finished() -> Results:
    """What the drill found: of its two attacks one is sure of 230 members, and one is a coin."""
    from leakdrill.scenario.schema import Scenario

    accuracy = proportion(600, 1000)
    model = ModelResult(
        train_accuracy=accuracy, test_accuracy=accuracy, best_epoch=3, weights_sha256="5eed", seconds=2.0
    )
    breach = BreachResult(
        artefact="feature_extractor", channel="malware", blocks=["stem", "pool"], size_bytes=1234, sha256="1eaf"
    )
    coin = found("coin", judged_as("coin"))
    return Results(
        scenario=Scenario.model_validate(SCENARIO).model_dump(mode="json"),
        verdict="met",
        models={"source": model, "target": model},
        breaches=[breach],
        baseline=coin.model_copy(update={"name": "baseline", "kind": "baseline", "on": "the raw images"}),
        attacks=[coin, found("sure", judged_as("sure"))],
        expectations=[ExpectationResult(claim="it leaks", that="sure.auc > 0.6", got={}, outcome="holds")],
        environment={"versions": {"torch": "2.14.1"}, "commit": "c0ffee", "data_sha256": "da7a"},
        seconds={"train_source": 2.0, "release": 0.1, "adapt": 0.5},
    )


@pytest.fixture
def record(tmp_path: Path, finished: Results) -> Record:
    """Writes the folder of a run that found `finished`, with these keys of the scenario in the place of its own."""

    def write(
        run_dir: Path | None = None,
        question: str = SCENARIO["question"],
        seed: int = SCENARIO["seed"],
        split_key: str | None = None,
        **changes: Any,
    ) -> Path:
        run_dir = run_dir or tmp_path / "run"
        for folder in ("scores", "truth"):
            (run_dir / folder).mkdir(parents=True)
        scenario = finished.scenario | {"question": question, "seed": seed, "split_key": split_key}
        results = Results.model_validate(dict(finished) | {"scenario": scenario} | changes)
        (run_dir / "scenario.json").write_text(json.dumps(scenario))
        (run_dir / "results.json").write_text(results.model_dump_json())
        for name in ("coin", "sure"):
            judged = judged_as(name)
            np.savez(run_dir / "scores" / f"{name}-0.npz", scores=judged.scores[0], decisions=judged.decisions[0])
        np.savez(run_dir / "truth" / "challenge.npz", is_member=judged.is_member, labels=judged.labels)
        (run_dir / "journal.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in journal()))
        return run_dir

    return write
