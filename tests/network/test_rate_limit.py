import pytest

from leakdrill.errors import PUSHBACK_KEY, RateLimited
from leakdrill.network.rate_limit import RateLimit


class Clock:
    seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


def wait_seconds(limit: RateLimit, caller: str, num_examples: int) -> float:
    with pytest.raises(RateLimited) as caught:
        limit.take(caller, num_examples)
    return caught.value.wait_seconds


def test_a_burst_is_one_seconds_worth_and_says_how_long_to_wait_for_more() -> None:
    clock = Clock()
    limit = RateLimit(8, clock)
    limit.take("adversary", 5)
    limit.take("adversary", 3)
    assert wait_seconds(limit, "adversary", 4) == 0.5
    clock.seconds += 0.25
    assert wait_seconds(limit, "adversary", 4) == 0.25
    clock.seconds += 0.25
    limit.take("adversary", 4)


def test_a_pause_saves_up_no_more_than_a_burst() -> None:
    clock = Clock()
    limit = RateLimit(8, clock)
    limit.take("adversary", 1)
    clock.seconds += 3600
    limit.take("adversary", 8)
    assert wait_seconds(limit, "adversary", 1) == 0.125


def test_a_burst_may_be_more_than_a_seconds_worth() -> None:
    clock = Clock()
    limit = RateLimit(8, clock, burst=100)
    limit.take("adversary", 100)
    assert wait_seconds(limit, "adversary", 1) == 0.125


def test_a_batch_larger_than_a_burst_passes_and_is_paid_in_time_afterwards() -> None:
    clock = Clock()
    limit = RateLimit(8, clock)
    limit.take("adversary", 80)
    assert wait_seconds(limit, "adversary", 80) == 10
    assert wait_seconds(limit, "adversary", 1) == 9.125
    clock.seconds += 10
    limit.take("adversary", 80)


@pytest.mark.parametrize("num_examples", [1, 3, 64, 256])
def test_the_average_holds_whatever_the_batch_size(num_examples: int) -> None:
    clock, asked = Clock(), 0
    limit = RateLimit(64, clock)
    while clock.seconds < 1100:
        try:
            limit.take("adversary", num_examples)
            asked += num_examples
        except RateLimited as refusal:
            clock.seconds += refusal.wait_seconds + 1e-9
    assert 64 * 100 <= asked <= 64 * 100 + 64 + 256


def test_a_rate_below_one_a_second_lets_examples_in_one_by_one() -> None:
    clock = Clock()
    limit = RateLimit(0.5, clock)
    limit.take("adversary", 1)
    assert wait_seconds(limit, "adversary", 1) == 2
    clock.seconds += 2
    limit.take("adversary", 1)


def test_callers_wait_for_themselves_alone() -> None:
    limit = RateLimit(8, Clock())
    limit.take("adversary", 8)
    limit.take("csmall", 8)
    assert wait_seconds(limit, "adversary", 8) == 1


def test_no_rate_is_no_limit() -> None:
    limit = RateLimit(None, Clock())
    for _ in range(100):
        limit.take("adversary", 4096)


def test_the_wait_travels_in_whole_milliseconds_never_too_few() -> None:
    assert RateLimited("", wait_seconds=0.0101).metadata() == ((PUSHBACK_KEY, "11"),)
