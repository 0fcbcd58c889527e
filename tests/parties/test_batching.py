import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from leakdrill.errors import InvalidInput
from leakdrill.oracles.oracle import Output
from leakdrill.parties.batching import Batcher, Rows

SCORES, BOTH = frozenset[Output]({"scores"}), frozenset[Output]({"scores", "label"})


class Model:
    """Its score is the first pixel. It can be held up, and remembers what it was called with."""

    def __init__(self) -> None:
        self.free = threading.Event()
        self.free.set()
        self.calls: list[tuple[int, frozenset[Output]]] = []

    def __call__(self, asked: Rows, outputs: frozenset[Output]) -> dict[Output, NDArray[Any]]:
        (inputs,) = asked
        assert self.free.wait(60)
        self.calls.append((len(inputs), outputs))
        if 255 in inputs:
            raise InvalidInput("an image that this model does not like")
        pixels = inputs[:, 0, 0, 0]
        made: dict[Output, NDArray[Any]] = {"scores": pixels[:, None].astype(np.float32), "label": pixels % 2}
        return {output: made[output] for output in outputs}


def images(*values: int) -> NDArray[np.uint8]:
    return np.array(values, np.uint8).reshape(-1, 1, 1, 1) * np.ones((1, 2, 2, 3), np.uint8)


@pytest.fixture
def executor() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as executor:
        yield executor


async def settle() -> None:
    """Until whatever can go on without the model has gone on, however slow the machine is."""
    for _ in range(5):
        await asyncio.sleep(0)


async def asked(model: Model, batcher: Batcher, *questions: tuple[NDArray[np.uint8], frozenset[Output]]) -> list[Any]:
    """What the questions get, failures included, when all are asked while the model is busy with a first one."""
    model.free.clear()
    first = asyncio.create_task(batcher.ask([images(0)], SCORES))
    await settle()
    waiting = [asyncio.create_task(batcher.ask([inputs], outputs)) for inputs, outputs in questions]
    await settle()
    model.free.set()
    await first
    return await asyncio.gather(*waiting, return_exceptions=True)


async def test_an_idle_model_is_asked_at_once_and_alone(executor: ThreadPoolExecutor) -> None:
    model = Model()
    batcher = Batcher(model, executor, 100)
    for value in (3, 4):
        answer = await batcher.ask([images(value)], SCORES)
        assert answer["scores"].tolist() == [[value]]
    assert model.calls == [(1, SCORES), (1, SCORES)]


async def test_what_waits_goes_together_and_everyone_gets_their_own(executor: ThreadPoolExecutor) -> None:
    model = Model()
    first, second, third = await asked(
        model, Batcher(model, executor, 100), (images(1, 2), SCORES), (images(3), BOTH), (images(4, 5, 6), SCORES)
    )
    assert model.calls == [(1, SCORES), (6, BOTH)]
    assert first.keys() == {"scores"}
    assert first["scores"].tolist() == [[1], [2]]
    assert second["label"].tolist() == [1]
    assert second["scores"].tolist() == [[3]]
    assert third["scores"].tolist() == [[4], [5], [6]]


async def test_a_merged_batch_has_a_limit_that_one_question_may_exceed(executor: ThreadPoolExecutor) -> None:
    model = Model()
    await asked(model, Batcher(model, executor, 4), *[(images(*range(size)), SCORES) for size in (2, 2, 1, 9, 1)])
    assert [size for size, _ in model.calls] == [1, 4, 1, 9, 1]


async def test_a_failure_reaches_those_who_asked_and_the_next_are_answered(executor: ThreadPoolExecutor) -> None:
    model = Model()
    failed, answered = await asked(model, Batcher(model, executor, 1), (images(255), SCORES), (images(7), SCORES))
    assert isinstance(failed, InvalidInput)
    assert answered["scores"].tolist() == [[7]]


async def test_whoever_has_gone_away_is_not_computed_for(executor: ThreadPoolExecutor) -> None:
    model = Model()
    batcher = Batcher(model, executor, 100)
    model.free.clear()
    first = asyncio.create_task(batcher.ask([images(0)], SCORES))
    await settle()
    gone, stays = (asyncio.create_task(batcher.ask([images(value)], SCORES)) for value in (1, 2))
    await settle()
    gone.cancel()
    await settle()
    model.free.set()
    assert (await stays)["scores"].tolist() == [[2]]
    await first
    assert [size for size, _ in model.calls] == [1, 1]
