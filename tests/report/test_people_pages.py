"""The report on a drill in which whole people are in or out."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from recorded_runs import found, judged_as

from leakdrill.report import write_report

NUM_PEOPLE = 20
MIDDLE = 0.25  # the spread of which the score is 0


@pytest.fixture
def charts(record: Callable[..., Path]) -> dict[str, dict[str, Any]]:
    """Of a run with class-based inference, one of whose attacks says what it measured."""
    is_member = judged_as("sure").is_member
    labels = np.arange(len(is_member)) // 2 % (NUM_PEOPLE // 2) * 2 + is_member
    coin, sure = (
        found(name, replace(judged_as(name), labels=labels).of_classes(), unit="identity", kind="class_based")
        for name in ("coin", "sure")
    )
    spread = sure.model_copy(update={"notes": {"measured": "spread", "score_0_is": MIDDLE}})
    run_dir = record(attacks=[coin, spread])
    np.savez(run_dir / "truth" / "challenge.npz", is_member=is_member, labels=labels)
    pattern = r'<script type="application/json" data-chart="([^"]+)">(.*?)</script>'
    html = write_report(run_dir).read_text()
    return {name: json.loads(spec) for name, spec in re.findall(pattern, html, flags=re.DOTALL)}


def test_curves_are_over_people_and_beside_them_over_their_photos(charts: dict[str, dict[str, Any]]) -> None:
    of_people, of_photos = (json.dumps(charts[f"roc-linear-{unit}"]) for unit in ("identity", "photo"))
    assert "roc-linear-example" not in charts
    assert "the share of people identified" in of_people
    assert "the share of people's photos identified" in of_photos
    accused = [{float(rate) for rate in re.findall(r'"fpr": ([0-9.]+)', each)} for each in (of_people, of_photos)]
    steps = {round(number / (NUM_PEOPLE // 2), 5) for number in range(NUM_PEOPLE // 2 + 1)}
    assert accused[0] <= steps
    assert accused[1] - steps


def test_what_was_measured_is_on_the_axis_where_the_attack_says_what_it_was(charts: dict[str, dict[str, Any]]) -> None:
    spread, coin = charts["scores-sure"], charts["scores-coin"]
    assert "Distribution of S^y, a person's spread of sure, smaller for likelier members" in spread["description"]
    assert "Distribution of the scores of coin, higher for likelier members" in coin["description"]
    scores = judged_as("sure").scores[0]
    (people,) = (rows for rows in spread["datasets"].values() if rows and "score" in rows[0])
    assert min(each["score"] for each in people) >= MIDDLE - scores.max()
    assert max(each["score"] for each in people) <= MIDDLE
