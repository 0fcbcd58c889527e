"""Every error that may cross a party's boundary, with the gRPC status it travels as.

    LeakdrillError
    ├── InvalidInput       INVALID_ARGUMENT     the caller sent something malformed
    │   └── ScenarioError                       the scenario cannot be played as written
    ├── AccessDenied       PERMISSION_DENIED    the policy does not grant this call
    ├── NotReady           FAILED_PRECONDITION  right call, too early
    ├── NotFound           NOT_FOUND            no such model, split or artefact
    ├── BudgetExhausted    RESOURCE_EXHAUSTED   the query budget does not cover this batch
    ├── RateLimited        RESOURCE_EXHAUSTED   too early; it says how long to wait
    ├── Crowded            RESOURCE_EXHAUSTED   too many calls of one caller at once
    └── PartyUnavailable   UNAVAILABLE          a party did not start, died or cannot be reached

Anything else that escapes a handler is a bug: logged where it happened, opaque (INTERNAL) to the caller.
"""

import math
from typing import ClassVar

#: Trailing metadata: how many milliseconds to wait before asking again. gRPC's own name (its proposal A6).
PUSHBACK_KEY = "grpc-retry-pushback-ms"


class LeakdrillError(Exception):
    """An error whose message is written for the person who gets it: what was got, what was wanted, what to do."""

    status: ClassVar[str] = "UNKNOWN"

    def metadata(self) -> tuple[tuple[str, str], ...]:
        """What a caller is told beside status and message, in trailing metadata."""
        return ()


class InvalidInput(LeakdrillError):
    status = "INVALID_ARGUMENT"


class ScenarioError(InvalidInput):
    """A scenario that is malformed, impossible, or grants less than an attack needs."""


class AccessDenied(LeakdrillError):
    status = "PERMISSION_DENIED"


class NotReady(LeakdrillError):
    status = "FAILED_PRECONDITION"


class NotFound(LeakdrillError):
    status = "NOT_FOUND"


class BudgetExhausted(LeakdrillError):
    status = "RESOURCE_EXHAUSTED"


class RateLimited(LeakdrillError):
    status = "RESOURCE_EXHAUSTED"

    def __init__(self, message: str, wait_seconds: float = 0.0) -> None:
        super().__init__(message)
        self.wait_seconds = wait_seconds

    def metadata(self) -> tuple[tuple[str, str], ...]:
        return ((PUSHBACK_KEY, str(math.ceil(1000 * self.wait_seconds))),)


class Crowded(LeakdrillError):
    status = "RESOURCE_EXHAUSTED"


class PartyUnavailable(LeakdrillError):
    status = "UNAVAILABLE"
