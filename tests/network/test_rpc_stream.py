"""Long work as a stream of reports: their order, its errors, and its end when whoever asked has gone away."""

import asyncio
import threading
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from guarded import WAIT_SECONDS

from leakdrill import errors
from leakdrill.network.rpc import Progress, stream


async def collected(items: AsyncIterator[Any]) -> list[Any]:
    return [item async for item in items]


async def test_long_work_reports_in_order_and_then_gives_its_result() -> None:
    def work(progress: Progress) -> str:
        for number in range(100):
            progress(number / 100, f"step {number}")
        return "done"

    with ThreadPoolExecutor(1) as executor:
        items = await collected(stream(work, executor))
    assert items == [*((number / 100, f"step {number}") for number in range(100)), "done"]


async def test_an_error_of_the_work_comes_after_its_reports() -> None:
    def work(progress: Progress) -> str:
        progress(0.5, "half")
        raise errors.NotReady("too early")

    with ThreadPoolExecutor(1) as executor:
        items = stream(work, executor)
        assert await anext(items) == (0.5, "half")
        with pytest.raises(errors.NotReady, match="too early"):
            await anext(items)


async def test_work_stops_when_whoever_asked_has_gone_away() -> None:
    begun, stopped = threading.Event(), threading.Event()

    def work(progress: Progress) -> None:
        begun.set()
        try:
            while True:
                progress(0.0, "still here")
                stopped.wait(0.001)
        finally:
            stopped.set()

    async def ask() -> None:
        await collected(stream(work, executor))

    with ThreadPoolExecutor(1) as executor:
        asking = asyncio.create_task(ask())
        assert await asyncio.to_thread(begun.wait, WAIT_SECONDS)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        assert await asyncio.to_thread(stopped.wait, WAIT_SECONDS)


async def test_work_that_has_not_begun_is_dropped_when_its_caller_goes_away() -> None:
    release = threading.Event()
    begun = []
    with ThreadPoolExecutor(1) as executor:
        executor.submit(release.wait, WAIT_SECONDS)
        asking = asyncio.create_task(collected(stream(begun.append, executor)))
        await asyncio.sleep(0.02)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        release.set()
    assert begun == []
