from typing import Any

import pytest

from leakdrill.errors import ScenarioError
from leakdrill.scenario.safe_yaml import parse_yaml


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: 1", {"a": 1}),
        ("a: [1, 2.5, true, null, x]", {"a": [1, 2.5, True, None, "x"]}),
        ("", None),
        ("when: 2026-01-01", {"when": "2026-01-01"}),  # no dates
        ("3", 3),
    ],
)
def test_plain_data(text: str, value: Any) -> None:
    assert parse_yaml(text, "x.yaml") == value


def test_a_mapping_merged_into_another_is_a_copy() -> None:
    parsed = parse_yaml("first: &a {fit: {epochs: 1}}\nsecond: {<<: *a, name: b}", "x.yaml")
    assert parsed["second"] == {"fit": {"epochs": 1}, "name": "b"}
    parsed["second"]["fit"]["epochs"] = 2
    assert parsed["first"]["fit"]["epochs"] == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: 2\na: 3", "x.yaml, line 3, column 1: the key 'a' is there twice"),
        ("a:\n  - b: 1\n    b: 1", "x.yaml, line 3, column 5: the key 'b' is there twice"),
        (
            "a: 1\nb 2\nc: 3",
            "x.yaml, line 3, column 1: while scanning a simple key (from line 2) could not find expected ':'",
        ),
        ("a: [1, 2", "x.yaml, line 1, column 9: while parsing a flow sequence"),
        ("a:\n\t- b", "x.yaml, line 2, column 1"),
        ("on: 1", "x.yaml, line 1, column 1: the key 'on' is read as a bool: put it in quotes"),
        ("? [a]\n: 1", "x.yaml, line 1, column 3: the key"),
        ("a: !!python/object/apply:os.system ['true']", "x.yaml, line 1, column 4: the tag"),
        ("a: 1\n---\nb: 2", "expected a single document in the stream"),
        ("a: *nowhere", "found undefined alias"),
        ("a: !!int lots", "x.yaml: a value that is none"),
        ("a: " + "9" * 5000, "x.yaml, line 1, column 4: a number of 5000 characters"),
        ("a: \x00", "x.yaml: not text that YAML allows"),
        ("[" * 20_000, "x.yaml: nested too deeply"),
        ("a: &a [*a]", "values once its aliases are unfolded"),
        ("x" * (1 << 20) + "x", "x.yaml: 1048577 bytes, a scenario has at most 1048576"),
    ],
)
def test_anything_else_is_refused_with_its_line(text: str, message: str) -> None:
    with pytest.raises(ScenarioError) as error:
        parse_yaml(text, "x.yaml")
    assert message in str(error.value)


def test_a_bomb_of_aliases_is_refused_before_it_unfolds() -> None:
    bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n"
    for level in range(1, 9):  # 9 ** 9 values in 500 characters
        bomb += f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 9)}]\n"
    with pytest.raises(ScenarioError, match="more than 20000 values once its aliases are unfolded"):
        parse_yaml(bomb, "x.yaml")


def test_an_alias_used_a_few_times_is_not_a_bomb() -> None:
    assert parse_yaml("a: &a {x: 1}\nb: [*a, *a, *a]", "x.yaml")["b"] == [{"x": 1}] * 3
