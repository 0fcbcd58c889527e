from typing import Any

import pytest

from leakdrill.referee.noted import noted
from leakdrill.referee.table import render
from leakdrill.report.remarks import remarks
from leakdrill.results import AttackResult, Results
from tests.referee.test_table import changed, plain


def with_notes(results: Results, **notes: Any) -> AttackResult:
    return results.attacks[0].model_copy(update={"name": "attack", "notes": notes})


@pytest.mark.parametrize(
    ("notes", "line"),
    [
        ({"failed_searches": 12}, "attack: 12 searches found no boundary"),
        ({"by": {"failed_searches": 3}, "outliers": 20}, "attack: 3 searches found no boundary"),
        (
            {"confidences_of_exactly_1": 40, "tied_at_the_top": 7},
            "40 answers are a confidence of exactly 1, and 7 exam",
        ),
        ({"confidences_of_exactly_1": 40, "tied_at_the_top": 1}, "40 answers are a confidence of exactly 1"),
        ({"shadow_models_of_one_label": 1}, "1 of its shadow models give one label to everything"),
    ],
)
def test_what_would_make_figures_be_misread_has_a_line(results: Results, notes: dict[str, Any], line: str) -> None:
    attack = with_notes(results, **notes)
    (told,) = noted(attack)
    assert line in told
    found = changed(results, attacks=[attack])
    assert told in plain(render(found), width=150)
    assert f"{told}." in remarks(found)


@pytest.mark.parametrize(
    "notes",
    [
        {"failed_searches": 0, "confidences_of_exactly_1": 0, "tied_at_the_top": 50, "shadow_models_of_one_label": 0},
        {"by": "nobody"},
        {"failed_searches": "<b>many</b>", "confidences_of_exactly_1": [1], "shadow_models_of_one_label": True},
    ],
    ids=["nothing to say", "another attack's own word", "no counts"],
)
def test_nothing_else_has_one(results: Results, notes: dict[str, Any]) -> None:
    assert not list(noted(with_notes(results, **notes)))
