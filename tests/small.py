"""The smallest real drill: scikit-learn's digits, a tiny network, attacks that take seconds."""

from typing import Any

from leakdrill.scenario.schema import Scenario

SMALL: dict[str, Any] = {
    "question": "Does the testbed work end to end?",
    "seed": 7,
    "data": {
        "set": "digits",
        "image_size": 16,
        "splits": {
            "source_train": 20, "source_test": 20, "source_validation": 5, "shadow_train": 30, "shadow_test": 30,
        },
        "target": {"classes": 3, "train": 10, "test": 10},
    },
    "cbig": {"source_model": {"arch": {"kind": "resnet8", "width": 8}, "fit": {"epochs": 4, "batch_size": 32}}},
    "csmall": {"target_model": {"fit": {"epochs": 2, "batch_size": 16}}},
    "adversary": {"query_budget": 5000, "workers": 1},
    "timeline": [
        "train_source",
        "release",
        "adapt",
        {"attack": {"name": "gap", "kind": "gap"}},
        {"breach": {"fidelity": "full"}},
        {"attack": {"name": "after", "kind": "transmia", "shadow": "freeze", "num_shadows": 4, "shadow_size": 60}},
    ],
    # one that always holds: an interval covers the truth in 19 of 20 runs only
    "expect": [{"claim": "the images alone do not tell who is in", "that": "baseline.auc < 0.9"}],
}  # fmt: skip


def small(**changes: Any) -> Scenario:
    """The scenario with whole sections replaced."""
    return Scenario.model_validate(SMALL | changes)
