"""The rule by which a leak is found, on made-up evidence whose answer is known."""

import numpy as np
import pytest
from collecting import Evidence, with_history
from detectors import best_column, is_at_chance, tells, verdicts
from numpy.typing import NDArray
from seen import Columns

NUM_DRILLS, NUM_EXAMPLES = 4, 300


def evidence(seed: int, leak: str = "") -> list[Evidence]:
    """Drills with twenty columns of noise, and one that holds the `leak`."""
    generator = np.random.default_rng(seed)
    drills = []
    for _ in range(NUM_DRILLS):
        is_member = generator.permutation(NUM_EXAMPLES) < NUM_EXAMPLES // 2
        columns = {f"noise {number}": generator.normal(size=NUM_EXAMPLES) for number in range(20)}
        places = generator.permutation(NUM_EXAMPLES)
        drills.append(Evidence(columns | leaking(leak, is_member, generator), places, is_member))
    return drills


def leaking(leak: str, is_member: NDArray[np.bool_], generator: np.random.Generator) -> Columns:
    match leak:
        case "time":
            return {"time": generator.normal(size=NUM_EXAMPLES) + 0.8 * is_member}
        case "larger for others":
            return {"size": 100.0 + 7.0 * ~is_member}
        case "in the middle":
            return {"depth": generator.normal(size=NUM_EXAMPLES) * np.where(is_member, 0.2, 1.0)}
        case _:
            return {}


@pytest.mark.parametrize("seed", range(5))
def test_noise_is_at_chance(seed: int) -> None:
    found = verdicts(evidence(seed))
    assert is_at_chance(found)
    assert not tells(found)


@pytest.mark.parametrize("leak", ["time", "larger for others", "in the middle"])
def test_a_leak_is_found(leak: str) -> None:
    found = verdicts(evidence(0, leak))
    assert tells(found)
    assert not is_at_chance(found)


def test_a_column_that_tells_by_more_than_its_order_is_found_by_boosting() -> None:
    found = verdicts(evidence(0, "in the middle"))
    assert found["best column"].low < 0.5
    assert found["boosting"].low > 0.7


def test_the_column_to_look_at_is_named() -> None:
    assert best_column(evidence(0, "larger for others")) == ("size", 0.0)


def test_history_is_of_earlier_drills_only() -> None:
    places, truth = np.array([5, 9]), np.array([True, False])
    first, second = with_history([Evidence({}, places, truth), Evidence({}, places[::-1], truth)])
    assert first.columns["times dealt before"].tolist() == [0, 0]
    assert second.columns["times a member before"].tolist() == [0, 1]
    assert second.columns["a member the last time"].tolist() == [-1, 1]
