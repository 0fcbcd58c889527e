"""What a drill might have found, known by hand: scores, results and journal to record a run's folder from."""

from typing import Any

import numpy as np

from leakdrill.metrics import Judged, attack_result
from leakdrill.results import AttackResult
from leakdrill.seeds import numpy_generator

NUM = 1000  # members, and as many others
SURE, ACCUSED = 230, 10  # of whom the attack "sure" names with confidence
SCENARIO: dict[str, Any] = {
    "question": "Does a leak expose anybody?",
    "seed": 7,
    "data": {
        "set": "synthfaces",
        "classes": 24,
        "per_class": 34,
        "image_size": 32,
        "splits": {"source_train": 8, "source_test": 8, "source_validation": 2, "shadow_train": 8, "shadow_test": 8},
        "target": {"classes": 4, "train": 5, "test": 5},
    },
    "cbig": {"source_model": {"arch": {"kind": "resnet8", "width": 8}}},
    "timeline": [
        "train_source",
        "release",
        "adapt",
        {"attack": {"name": "coin", "kind": "gap"}},
        {"breach": {"channel": "malware"}},
        {"attack": {"name": "sure", "kind": "transmia", "shadow": "freeze", "num_shadows": 2, "shadow_size": 40}},
    ],
    "expect": [{"claim": "the leak is dangerous", "that": "sure.auc > 0.6"}],
}


def judged_as(kind: str, num: int = NUM) -> Judged:
    """`sure` ranks SURE members first, then ACCUSED others, and says nothing of the rest; `coin` is a coin."""
    is_member, labels = np.arange(2 * num) % 2 == 0, np.arange(2 * num) // 2 % 10
    scores = numpy_generator(7, kind).random(2 * num)
    if kind == "sure":
        scores = np.zeros(2 * num)
        scores[np.flatnonzero(is_member)[:SURE]] = 3.0 + np.arange(min(SURE, num))
        scores[np.flatnonzero(~is_member)[:ACCUSED]] = 2.0
    decisions = scores > (2.5 if kind == "sure" else 0.5)
    return Judged(scores[None], decisions[None], is_member, labels)


def found(name: str, judged: Judged, **changes: Any) -> AttackResult:
    kind = "transmia" if name == "sure" else "gap"
    fields: dict[str, Any] = {"name": name, "kind": kind, "goal": "membership", "on": "cbig/source", "notes": {}}
    return attack_result(judged, queries={"cbig/source": 2000}, cost=3.0, seconds=1.5, **fields).model_copy(
        update=changes
    )


def journal() -> list[dict[str, Any]]:
    done = {"queries": {"cbig/source": 2000}, "seconds": 1.5, "notes": {}}
    events: list[dict[str, Any]] = [
        {"event": "opened", "drill": "d1"},
        {"event": "dealt", "splits": {"source_train": 1000, "shadow_train": 100, "shadow_test": 100}},
        {"event": "released", "blocks": ["stem", "pool"], "size_bytes": 1234},
        {"event": "step_begun", "key": "attack coin 0", "queries": {}},
        {"event": "step_done", "key": "attack coin 0", **done},
        {"event": "breached", "artefact": "feature_extractor"},
        {"event": "step_begun", "key": "attack sure 0", "queries": {}},
        {"event": "step_done", "key": "attack sure 0", **done},
    ]
    return [
        {"seq": number, "time": f"2026-01-02T03:04:{5 + number:02d}.000000+00:00"} | event
        for number, event in enumerate(events)
    ]
