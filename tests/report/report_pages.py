"""Folders of sweeps to report on, and what a page says."""

import json
import re
from collections.abc import Callable
from html import unescape
from pathlib import Path
from typing import Any

from leakdrill.scenario.grid import Cell, expand
from leakdrill.scenario.schema import Scenario

Record = Callable[..., Path]


def text(page: Path) -> str:
    """The page's words, without scripts and tags."""
    html = re.sub(r"<(script|style).*?</\1>", "", page.read_text(), flags=re.DOTALL)
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", html)).split())


def charts(page: Path) -> dict[str, dict[str, Any]]:
    pattern = r'<script type="application/json" data-chart="([^"]+)">(.*?)</script>'
    return {name: json.loads(spec) for name, spec in re.findall(pattern, page.read_text(), flags=re.DOTALL)}


def sweep_of(record: Record, run_dir: Path, labels: list[str]) -> Path:
    """One axis with a cell of each of these names, all of them played, and all alike."""
    run = record(run_dir.parent / "one")
    scenario = json.loads((run / "scenario.json").read_text())
    scenario["grid"] = {"csmall.target_model": {label: {"seed": number} for number, label in enumerate(labels)}}
    for cell in begun(run_dir, scenario):
        record(run_dir / "cells" / cell.name)
    return run_dir


def begun(run_dir: Path, scenario: dict[str, Any]) -> list[Cell]:
    """The folder of a sweep of which no cell was played yet, and its cells."""
    cells = expand(Scenario.model_validate(scenario)).cells
    run_dir.mkdir()
    (run_dir / "scenario.json").write_text(json.dumps(scenario))
    named = [{"name": cell.name, "labels": cell.labels} for cell in cells]
    (run_dir / "sweep.json").write_text(json.dumps({"cells": named, "skipped": []}))
    return cells
