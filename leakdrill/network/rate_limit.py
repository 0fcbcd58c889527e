"""How fast a caller may ask: a token bucket for each, counted in examples."""

from collections.abc import Callable

from leakdrill.errors import RateLimited

Clock = Callable[[], float]  # seconds that only ever go on: time.monotonic


class RateLimit:
    """`per_second` examples from each caller, and after a pause `burst`, one second's worth by default; None: no limit.

    A batch larger than a full bucket is let in when the bucket is full, and leaves it in debt: any batch passes in the
    end, and the average holds whatever the batch size. A party that starts anew starts with full buckets.
    """

    def __init__(self, per_second: float | None, clock: Clock, burst: float | None = None) -> None:
        self._per_second = per_second
        self._burst = burst or per_second or 0.0
        self._clock = clock
        self._buckets: dict[str, tuple[float, float]] = {}  # by caller: tokens, and when they were counted

    def take(self, caller: str, num_examples: int) -> None:
        """Lets `num_examples` of `caller` in, or raises RateLimited, which says how long to wait, and takes nothing."""
        if self._per_second is None:
            return
        burst, now = self._burst, self._clock()
        tokens, counted = self._buckets.get(caller, (burst, now))
        tokens = min(burst, tokens + (now - counted) * self._per_second)
        missing = min(num_examples, burst) - tokens
        if missing > 0:
            wait_seconds = missing / self._per_second
            raise RateLimited(
                f"asked for {num_examples} queries, and a caller has {self._per_second:g} a second: "
                f"ask again in {wait_seconds:.3f} s",
                wait_seconds,
            )
        self._buckets[caller] = tokens - num_examples, now
