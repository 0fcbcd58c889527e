"""Merges what concurrent callers ask into one model call, without making anyone wait for company.

While the model is busy, questions queue up; when it is free, all that wait go together. An idle model answers at once.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leakdrill.oracles.oracle import Output

Rows = Sequence[NDArray[Any]]  # one array for each of a model's inputs, all with as many rows
Predict = Callable[[Rows, frozenset[Output]], Mapping[Output, NDArray[Any]]]
Answer = dict[Output, NDArray[Any]]


@dataclass(frozen=True)
class _Question:
    inputs: Rows
    outputs: frozenset[Output]
    answer: asyncio.Future[Answer]

    def __len__(self) -> int:
        return len(self.inputs[0])


class Batcher:
    """Asks `predict` on the executor about `max_examples` at a time at most, or one larger question alone."""

    def __init__(self, predict: Predict, executor: Executor, max_examples: int) -> None:
        self._predict = predict
        self._executor = executor
        self._max_examples = max_examples
        self._waiting: deque[_Question] = deque()
        self._running: asyncio.Task[None] | None = None

    async def ask(self, inputs: Rows, outputs: frozenset[Output]) -> Answer:
        """The outputs for `inputs`; the same, bit for bit, as if nobody else had asked."""
        question = _Question(inputs, outputs, asyncio.get_running_loop().create_future())
        self._waiting.append(question)
        if self._running is None or self._running.done():
            self._running = asyncio.create_task(self._drain())
        return await question.answer

    async def _drain(self) -> None:
        loop = asyncio.get_running_loop()
        while batch := self._take():
            running = loop.run_in_executor(self._executor, self._answer, batch)
            # gathered, not awaited: a failure belongs to those who asked, and the next batch must still run
            (result,) = await asyncio.gather(running, return_exceptions=True)
            for number, question in enumerate(batch):
                if question.answer.done():  # its caller has gone away
                    continue
                if isinstance(result, BaseException):
                    question.answer.set_exception(result)
                else:
                    question.answer.set_result(result[number])

    def _take(self) -> list[_Question]:
        batch: list[_Question] = []
        num_examples = 0
        while self._waiting:
            question = self._waiting[0]
            num_examples += len(question)
            if batch and num_examples > self._max_examples:
                break
            self._waiting.popleft()
            if not question.answer.done():
                batch.append(question)
        return batch

    def _answer(self, batch: list[_Question]) -> list[Answer]:
        """One model call for all of `batch`; each gets its own rows of the outputs that it asked for."""
        wanted = frozenset[Output]().union(*(question.outputs for question in batch))
        columns = zip(*(question.inputs for question in batch), strict=True)
        inputs = batch[0].inputs if len(batch) == 1 else [np.concatenate(column) for column in columns]
        merged = self._predict(inputs, wanted)
        ends = np.cumsum([len(question) for question in batch])
        return [
            {output: merged[output][end - len(question) : end] for output in question.outputs}
            for question, end in zip(batch, ends, strict=True)
        ]
