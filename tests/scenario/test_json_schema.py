"""The schema that editors complete keys with: it accepts what leakdrill does, and is the one that is committed."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from small_scenario import written

from leakdrill.scenario.json_schema import json_schema
from leakdrill.scenario.overrides import apply_overrides

ROOT = Path(__file__).parents[2]
SHIPPED = sorted([*(ROOT / "scenarios").glob("*.yaml"), *(ROOT / "sweeps").glob("*.yaml")])
COMMITTED = ROOT / "schema" / "scenario.schema.json"
OWN_MODEL = {
    "weights": "a.safetensors",
    "arch": "./model.py:build",
    "preprocessing": {"mean": [0, 0, 0], "std": [1, 1, 1]},
}


@pytest.fixture(scope="module")
def validator() -> Any:
    return pytest.importorskip("jsonschema").Draft202012Validator(json_schema())


def test_every_shipped_scenario_is_accepted_and_names_the_schema(validator: Any) -> None:
    assert SHIPPED
    for file in SHIPPED:
        assert [error.message[:200] for error in validator.iter_errors(yaml.safe_load(file.read_text()))] == [], file
        first = file.read_text().partition("\n")[0]
        assert first == "# yaml-language-server: $schema=../schema/scenario.schema.json", file


@pytest.mark.parametrize(
    ("key", "value", "is_right"),
    [
        ("seed", "many", False),
        ("data.splitz", 3, False),
        ("data.set", "digitz", True),  # it may be an installed package's
        ("data.data_root", "x", False),
        ("after.num_shadow", 3, False),
        ("after.kind", "./mine.py:Mine", True),
        ("timeline", ["trian_source"], False),
        ("timeline", ["train_source", {"attack": {"kind": "gap"}, "breach": {}}], False),
        ("breach.fidelity", "half", False),
        ("cbig.source_model", OWN_MODEL, True),
        ("cbig.source_model", OWN_MODEL | {"preprocessing": {"mean": [0, 0, 0]}}, False),
    ],
)
def test_what_is_wrong_is_refused_and_short_forms_are_not(
    key: str, value: object, is_right: bool, validator: Any
) -> None:
    assert validator.is_valid(apply_overrides(written(), {key: value}, "test")) == is_right


def test_keys_are_described(validator: Any) -> None:
    text = json.dumps(validator.schema)
    assert "the last block of g_s; default: all but the last fully connected layer" in text
    assert "examples, at each public API" in text


def test_the_committed_schema_is_the_one_that_is_printed() -> None:
    """In a process of its own, in which no other test has named a class of its own as one of ours is."""
    command = [sys.executable, "-c", "from leakdrill.cli import app; app(['schema'])"]
    printed = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout
    assert json.loads(COMMITTED.read_text()) == json.loads(printed), "make schema"
