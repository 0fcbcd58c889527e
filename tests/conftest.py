"""What tests of several parts share."""

import hashlib
import os
import signal
from collections import Counter
from collections.abc import Iterator

signal.signal(signal.SIGINT, signal.default_int_handler)  # tests send it; a suite in the background would ignore it
for library in ("OMP", "OPENBLAS", "MKL"):  # before NumPy is imported: threads that wait for each other cost more
    os.environ.setdefault(f"{library}_NUM_THREADS", "1")

import pytest
import torch

from leakdrill.referee import drill, grid, live
from leakdrill.referee.local import LocalParties
from leakdrill.results import (
    AttackResult,
    BreachResult,
    ExpectationResult,
    Interval,
    Macro,
    ModelResult,
    Proportion,
    Results,
    Spread,
    TprAtFpr,
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with slow tests first: at the end they would keep one core busy, and leave the others idle."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> None:
    """As in a party: the same results to the last bit, and no threads that wait for each other over small models."""
    torch.set_num_threads(1)


@pytest.fixture(autouse=True, scope="session")
def _keys_by_test() -> Iterator[None]:
    """Drills that pin no split key draw the same ones each time, or a test of what one finds fails once in a while."""
    fresh, drawn = drill.fresh_split_key, Counter[str]()

    def split_key() -> str:
        test = os.environ.get("PYTEST_CURRENT_TEST", "").rpartition(" ")[0]
        if not test:
            return fresh()
        drawn[test] += 1
        return hashlib.sha256(f"{test} {drawn[test]}".encode()).hexdigest()[:32]

    with pytest.MonkeyPatch.context() as patch:
        for module in (drill, grid, live):
            patch.setattr(module, "fresh_split_key", split_key)
        yield


@pytest.fixture(scope="session")
def parties(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalParties]:
    """For drills that leave them as they found them: to start three parties costs more than to play a small drill."""
    with LocalParties(tmp_path_factory.mktemp("parties"), callers=["player-01", "player-02"]) as parties:
        yield parties


@pytest.fixture
def results() -> Results:
    """A finished run: one attack of three repeats that found something, one below chance, a baseline at chance."""
    timeline = [
        {"step": "train_source"},
        {"step": "attack", "attack": {"kind": "transmia", "name": "after", "shadow": "freeze"}},
        {"step": "attack", "attack": {"kind": "gap", "name": "gap"}},
    ]
    accuracy = Proportion(value=0.605, low=0.583, high=0.627, num_correct=1210, num_examples=2000)
    model = ModelResult(
        train_accuracy=accuracy, test_accuracy=accuracy, best_epoch=18, weights_sha256="5eed", seconds=14.25
    )
    breach = BreachResult(
        artefact="feature_extractor", channel="insider", blocks=["stem", "pool"], size_bytes=1_234_567, sha256="1eaf"
    )
    after = attack("after", "transmia", auc=0.703, accuracy=0.651)
    spread = {
        "auc": Spread(mean=0.701, std=0.011, num_repeats=3),
        "accuracy": Spread(mean=0.65, std=0.02, num_repeats=3),
    }
    expectation = ExpectationResult(
        claim="the leak exposes members",
        that="after.auc > 0.6",
        got={"after.auc": {"value": 0.703, "low": 0.673, "high": 0.733}},
        outcome="holds",
    )
    return Results(
        scenario={"question": "Does a leak expose members?", "seed": 7, "timeline": timeline},
        verdict="met",
        models={"source": model},
        breaches=[breach],
        baseline=attack("baseline", "pixels", auc=0.499, accuracy=0.5),
        attacks=[after.model_copy(update={"over_repeats": spread}), attack("gap", "gap", auc=0.412, accuracy=0.44)],
        expectations=[expectation],
        environment={"versions": {"torch": "2.14.1"}},
        seconds={"train_source": 14.5},
    )


def attack(name: str, kind: str, auc: float, accuracy: float) -> AttackResult:
    def interval(value: float) -> Interval:
        return Interval(value=value, low=round(value - 0.03, 3), high=round(value + 0.03, 3))

    return AttackResult(
        name=name,
        kind=kind,
        goal="membership",
        on="cbig/source",
        num_members=1000,
        num_non_members=1000,
        auc=interval(auc),
        accuracy=interval(accuracy),
        precision=interval(0.62) if kind != "gap" else None,
        recall=interval(0.777),
        f1=interval(0.69),
        macro=Macro(accuracy=accuracy, precision=0.62, recall=0.777, num_classes=100, num_without_positives=0),
        tpr_at_fpr=[
            TprAtFpr(value=0.222, low=0.2, high=0.25, fpr=0.1, true_positives=222, false_positives=100),
            TprAtFpr(value=0.043, low=0.03, high=0.06, fpr=0.01, true_positives=43, false_positives=10),
        ]
        if kind != "gap"
        else [],
        over_repeats={},
        queries={"cbig/source": 12_000, "csmall/recognition": 345},
        notes={},
        seconds=21.34,
    )
