"""What attacks on people ask is counted before anybody is asked; the counts are those of the attacks' own tests."""

from typing import Any

import pytest
from small import small

from leakdrill.data.splits import deal
from leakdrill.errors import ScenarioError
from leakdrill.referee.allowance import check_allowance
from leakdrill.scenario.schema import Scenario

NUM_PEOPLE, NUM_PHOTOS = 12, 4
ALL, PAIRS = NUM_PEOPLE * NUM_PHOTOS, NUM_PEOPLE * 6


def attacked(budget: int, *attacks: dict[str, Any]) -> Scenario:
    """Nothing is rendered for it."""
    return small(
        data={
            "set": "synthfaces",
            "classes": 16,
            "per_class": 10,
            "splits": {"source_train": 6, "source_test": 1, "source_validation": 1},
            "target": {"classes": 4, "train": 2, "test": 2},
            "challenge": {"members_by": "identity", "per_class": NUM_PHOTOS},
        },
        csmall={"apis": ["features", "verification", "recognition"]},
        adversary={
            "knows": {"shadow_examples": False, "labelled_identities": 4, "labelled_attributes": 10},
            "query_budget": budget,
        },
        timeline=["train_source", "release", "adapt", *({"attack": attack} for attack in attacks)],
        expect=[],
    )


FEATURES, DISTANCES = {"kind": "class_based"}, {"kind": "class_based", "name": "pairs", "api": "verification"}
ATTRIBUTES = {"kind": "attribute_inference", "name": "attributes", "auxiliary_points": 10, "folds": 2}


@pytest.mark.parametrize(
    ("most", "attacks", "says"),
    [
        (ALL, [FEATURES], "the attacks without folds would ask csmall/features 48 times"),
        (2 * ALL, [FEATURES, FEATURES | {"name": "again"}], "csmall/features 96 times"),
        (3 * ALL, [{"kind": "class_based", "api": "recognition", "average": 3}], "csmall/recognition 144 times"),
        (PAIRS, [DISTANCES, FEATURES], "csmall/verification 72 times"),
        (ALL, [{"kind": "first_cut", "api": "verification"}], "csmall/verification 48 times"),
        # a fold of three: four people are judged, and it is told of four others
        (2 * 4 * 6, [DISTANCES | {"kind": "class_based_aux", "folds": 3}], "a fold of attack .* 48 times"),
        (2 * 4 * NUM_PHOTOS, [{"kind": "first_cut", "folds": 3}], "a fold of attack 'first_cut' .* 32 times"),
        (ALL // 2 + 10, [ATTRIBUTES], "a fold of attack 'attributes' .*features 34 times"),
        ((ALL // 2 + 10) * 3, [ATTRIBUTES | {"api": "verification", "references": 3}], "csmall/verification 102 times"),
    ],
    ids=str,
)
def test_a_budget_that_is_one_short_is_refused(most: int, attacks: list[dict[str, Any]], says: str) -> None:
    enough, short = attacked(most, *attacks), attacked(most - 1, *attacks)
    cards = deal(enough.data, "key")
    check_allowance(enough, cards, "key")
    with pytest.raises(ScenarioError, match=says):
        check_allowance(short, cards, "key")


def test_what_asks_nobody_costs_nothing() -> None:
    alone = attacked(1, FEATURES | {"extractor": "untrained"}, ATTRIBUTES | {"without_api": "majority"})
    check_allowance(alone, deal(alone.data, "key"), "key")
