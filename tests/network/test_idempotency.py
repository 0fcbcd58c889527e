import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from leakdrill.errors import BudgetExhausted, InvalidInput
from leakdrill.network.idempotency import ENTRY_BYTES, MAX_ABANDONED, MAX_KEY_LENGTH, Replies, key_of
from leakdrill.pb.inference_pb2 import ModelInferResponse


class Model:
    """Counts what is charged and computed; computes when it is let."""

    def __init__(self) -> None:
        self.num_charged = 0
        self.num_computed = 0
        self.may_answer = asyncio.Event()
        self.failure: Exception | None = None

    def charge(self) -> None:
        self.num_charged += 1

    def computing(self, name: str) -> Callable[[], Coroutine[Any, Any, ModelInferResponse]]:
        async def compute() -> ModelInferResponse:
            await self.may_answer.wait()
            self.num_computed += 1
            if self.failure:
                raise self.failure
            return ModelInferResponse(model_name=name)

        return compute


def ask(
    replies: Replies[ModelInferResponse], model: Model, key: str, caller: str = "adversary", request: str = "digest"
) -> Coroutine[Any, Any, ModelInferResponse]:
    return replies.once(caller, key, request, model.charge, model.computing(f"{caller} {key}"))


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


@pytest.fixture
async def model() -> Model:
    return Model()


@pytest.mark.parametrize("key", ["k", "8e03978e-40d5-43dd-bc93-6894a57f9324", "~" * MAX_KEY_LENGTH])
def test_a_key_is_found_among_the_metadata(key: str) -> None:
    assert key_of([("user-agent", "grpc"), ("idempotency-key", key)]) == key


def test_a_call_need_not_have_a_key() -> None:
    assert key_of([("user-agent", "grpc")]) == ""


@pytest.mark.parametrize("keys", [[""], ["k" * (MAX_KEY_LENGTH + 1)], ["ä"], [b"k"], ["k", "k"]])
def test_a_malformed_key_or_more_than_one_is_refused(keys: list[Any]) -> None:
    with pytest.raises(InvalidInput, match="wanted one of 1 to 128 characters"):
        key_of([("idempotency-key", key) for key in keys])


async def test_a_retried_request_is_charged_and_computed_once(model: Model) -> None:
    replies = Replies[ModelInferResponse]()
    model.may_answer.set()
    first = await ask(replies, model, "k")
    assert await ask(replies, model, "k") == first
    assert (model.num_charged, model.num_computed) == (1, 1)


async def test_all_who_ask_while_it_is_computed_get_the_same_reply(model: Model) -> None:
    replies = Replies[ModelInferResponse]()
    waiting = [asyncio.create_task(ask(replies, model, "k")) for _ in range(10)]
    await settle()
    model.may_answer.set()
    answers = await asyncio.gather(*waiting)
    assert answers == [answers[0]] * 10
    assert (model.num_charged, model.num_computed) == (1, 1)


async def test_a_computation_outlives_the_caller_who_asked_for_it(model: Model) -> None:
    replies = Replies[ModelInferResponse]()
    gone = asyncio.create_task(ask(replies, model, "k"))
    await settle()
    gone.cancel()
    await settle()
    again = asyncio.create_task(ask(replies, model, "k"))
    await settle()
    model.may_answer.set()
    assert (await again).model_name == "adversary k"
    assert (model.num_charged, model.num_computed) == (1, 1)


async def test_one_of_two_who_wait_may_go_away(model: Model) -> None:
    replies = Replies[ModelInferResponse]()
    first, second = (asyncio.create_task(ask(replies, model, "k")) for _ in range(2))
    await settle()
    first.cancel()
    await settle()
    model.may_answer.set()
    assert (await second).model_name == "adversary k"


async def test_a_key_with_another_request_is_refused_before_and_after_the_reply(model: Model) -> None:
    replies = Replies[ModelInferResponse]()
    first = asyncio.create_task(ask(replies, model, "k"))
    await settle()
    for _ in range(2):
        with pytest.raises(InvalidInput, match="came before with another request"):
            await ask(replies, model, "k", request="other")
        model.may_answer.set()
        await first
    assert model.num_charged == 1


async def test_callers_do_not_get_each_others_replies(model: Model) -> None:
    replies = Replies[ModelInferResponse]()
    model.may_answer.set()
    assert (await ask(replies, model, "k", "adversary")).model_name == "adversary k"
    assert (await ask(replies, model, "k", "referee", request="other")).model_name == "referee k"
    assert model.num_charged == 2


async def test_a_refused_request_leaves_nothing_behind(model: Model) -> None:
    replies = Replies[ModelInferResponse]()

    def refuse() -> None:
        raise BudgetExhausted("asked for 2 queries, 1 left of 10")

    with pytest.raises(BudgetExhausted):
        await replies.once("adversary", "k", "digest", refuse, model.computing("refused"))
    model.may_answer.set()
    assert (await ask(replies, model, "k", request="smaller")).model_name == "adversary k"


async def test_a_failure_reaches_all_who_wait_and_is_not_kept(model: Model) -> None:
    replies = Replies[ModelInferResponse]()
    model.failure = ZeroDivisionError("a bug")
    model.may_answer.set()
    answers = await asyncio.gather(*(ask(replies, model, "k") for _ in range(3)), return_exceptions=True)
    assert answers == [model.failure] * 3
    model.failure = None
    assert (await ask(replies, model, "k")).model_name == "adversary k"


async def test_a_failure_that_nobody_waits_for_is_logged(model: Model, caplog: pytest.LogCaptureFixture) -> None:
    replies = Replies[ModelInferResponse]()
    model.failure = ZeroDivisionError("a bug")
    gone = asyncio.create_task(ask(replies, model, "k"))
    await settle()
    gone.cancel()
    await settle()
    with caplog.at_level(logging.ERROR):
        model.may_answer.set()
        await settle()
    assert "a caller who has gone away" in caplog.text
    assert "a bug" in caplog.text


async def test_replies_are_kept_within_their_bytes_the_least_asked_for_forgotten_first(model: Model) -> None:
    one = ENTRY_BYTES + ModelInferResponse(model_name="adversary 0").ByteSize()
    replies = Replies[ModelInferResponse](kept_bytes=3 * one)
    model.may_answer.set()
    for key in ("0", "1", "2", "0", "3"):
        await ask(replies, model, key)
    assert model.num_computed == 4
    for key in ("0", "2", "3"):
        await ask(replies, model, key)
    assert model.num_computed == 4
    assert (await ask(replies, model, "1")).model_name == "adversary 1"
    assert model.num_computed == 5


async def test_a_reply_larger_than_all_that_is_kept_pushes_nothing_out(model: Model) -> None:
    replies = Replies[ModelInferResponse](kept_bytes=ENTRY_BYTES + 100)
    model.may_answer.set()
    await ask(replies, model, "small")
    await replies.once("adversary", "large", "digest", model.charge, model.computing("x" * 200))
    await ask(replies, model, "small")
    assert model.num_computed == 2


async def test_callers_who_leave_cannot_pile_up_work(model: Model) -> None:
    replies = Replies[ModelInferResponse]()
    stays = asyncio.create_task(ask(replies, model, "stays"))
    await settle()
    for number in range(4 * MAX_ABANDONED):
        leaves = asyncio.create_task(ask(replies, model, str(number)))
        await settle()
        leaves.cancel()
        await settle()
    model.may_answer.set()
    await stays
    await settle()
    assert model.num_computed == 1 + MAX_ABANDONED
    assert (await ask(replies, model, "0")).model_name == "adversary 0"
