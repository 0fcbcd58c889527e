"""What was asked of a party's public APIs, counted in examples by the party that answers, against budget and rate.

The account stands on the party's own disk, so that a party which starts again in the middle of a drill neither forgets
what was spent nor charges a retried request twice. A line is handed to the kernel before its request is answered, and
not synced: a process that is killed loses nothing, a machine that loses power may lose the last lines.
"""

import errno
import logging
import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Iterator
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from leakdrill.errors import BudgetExhausted, InvalidInput
from leakdrill.rate_limit import Clock, RateLimit
from leakdrill.spec import Spec

log = logging.getLogger(__name__)

UNMETERED = frozenset({"referee"})  # it judges; its calls are counted, and never refused
MAX_KEYS = 1 << 17  # of one caller, some 60 MB; a request retried after so many others would be charged again


class Opened(Spec):
    """A line of the account: the charges that follow are of this drill."""

    drill_id: str


class Charge(Spec):
    """A line of the account. `key` is the request's idempotency key, or "", `request` the digest of what was asked."""

    caller: str
    model: str
    output: str
    num_examples: int
    key: str = ""
    request: str = ""


_LINE: TypeAdapter[Opened | Charge] = TypeAdapter(Opened | Charge)


class Ledger:
    """Counts queries by caller, model and output. Thread-safe.

    `path` is the account's file, which one process at a time may use; without one it is kept in memory alone.
    """

    def __init__(self, path: Path | None = None, budget: int | None = None, clock: Clock = time.monotonic) -> None:
        self._lock = threading.Lock()
        self._path = path
        self._clock = clock
        self._drill_id: str | None = None
        self._budget = budget
        self._rate_limit = RateLimit(None, clock)
        self._counts: Counter[tuple[str, str, str]] = Counter()
        self._charged: dict[str, OrderedDict[str, str]] = {}  # by caller: idempotency key -> digest of its request

    def open(self, drill_id: str, budget: int | None = None, rate_limit: float | None = None) -> None:
        """The account of one drill: a new one, or where it was left for a drill that has one.

        Every caller may ask about `budget` examples of each model, and `rate_limit` a second of all; None is no limit.
        Raises InvalidInput when the account on the disk cannot be read.
        """
        with self._lock:
            self._budget, self._rate_limit = budget, RateLimit(rate_limit, self._clock)
            if drill_id == self._drill_id:
                return
            self._drill_id = None
            self._counts.clear()
            self._charged.clear()
            if self._path is not None:
                _cut_torn_line(self._path)
                for charge in _charges(self._path, drill_id):
                    self._count(charge)
                _append(self._path, Opened(drill_id=drill_id))
            self._drill_id = drill_id

    def charge(self, caller: str, model: str, output: str, num_examples: int, key: str = "", request: str = "") -> None:
        """Counts a batch, before it is answered; one whose `key` was charged before is free.

        Raises BudgetExhausted, RateLimited, or InvalidInput for a key that came before with another `request` (digest);
        then nothing is counted or remembered. A free batch still takes its share of the rate: it is computed again.
        """
        with self._lock:
            is_paid = self._is_paid(caller, key, request)
            if caller not in UNMETERED:
                if not is_paid:
                    self._check_budget(caller, model, num_examples)
                self._rate_limit.take(caller, num_examples)
            if not is_paid:
                charge = Charge(
                    caller=caller, model=model, output=output, num_examples=num_examples, key=key, request=request
                )
                if self._path is not None:
                    _append(self._path, charge)
                self._count(charge)

    def counts(self) -> dict[tuple[str, str, str], int]:
        """Examples asked about so far, by (caller, model, output)."""
        with self._lock:
            return dict(self._counts)

    def left(self, caller: str, model: str) -> int | None:
        """Examples of `model` that `caller` may still ask about; None is no limit."""
        with self._lock:
            return self._left(caller, model)

    def _left(self, caller: str, model: str) -> int | None:
        if self._budget is None or caller in UNMETERED:
            return None
        spent = sum(count for (who, what, _), count in self._counts.items() if (who, what) == (caller, model))
        return max(0, self._budget - spent)  # a drill may go on with a smaller budget

    def _check_budget(self, caller: str, model: str, num_examples: int) -> None:
        left = self._left(caller, model)
        if left is not None and num_examples > left:
            raise BudgetExhausted(
                f"asked for {num_examples} queries of {model}, {left} left of {self._budget}: "
                "ask about fewer examples, or raise the scenario's query_budget"
            )

    def _is_paid(self, caller: str, key: str, request: str) -> bool:
        charged = self._charged.get(caller, OrderedDict()).get(key)
        if charged not in (None, request):
            raise InvalidInput(
                f"idempotency key {key!r} came before with another request: a new request needs a new key"
            )
        return charged is not None

    def _count(self, charge: Charge) -> None:
        self._counts[charge.caller, charge.model, charge.output] += charge.num_examples
        if charge.key:
            charged = self._charged.setdefault(charge.caller, OrderedDict())
            charged[charge.key] = charge.request
            if len(charged) > MAX_KEYS:
                charged.popitem(last=False)


def _charges(path: Path, drill_id: str) -> Iterator[Charge]:
    """The charges of one drill in the account at `path`, in order."""
    if not path.exists():
        return
    is_ours = False
    with path.open("rb") as lines:
        for number, text in enumerate(lines, start=1):
            try:
                line = _LINE.validate_json(text)
            except ValidationError as error:
                raise InvalidInput(f"line {number} of {path} is no line of an account: {text[:60]!r}") from error
            if isinstance(line, Opened):
                is_ours = line.drill_id == drill_id
            elif is_ours:
                yield line


def _append(path: Path, line: Opened | Charge) -> None:
    """Writes a whole line or, on a full disk, raises OSError and leaves none of it."""
    data = line.model_dump_json().encode() + b"\n"
    with path.open("ab", buffering=0) as file:
        end = file.tell()
        if file.write(data) < len(data):
            file.truncate(end)
            raise OSError(errno.ENOSPC, "no space left for the account", str(path))


def _cut_torn_line(path: Path) -> None:
    """Drops a last line that was cut off, as by a loss of power; its request was not answered."""
    if not path.exists():
        return
    data = path.read_bytes()
    if torn := len(data) - (data.rfind(b"\n") + 1):
        log.warning("%s ends in a torn line, which is dropped", path)
        with path.open("r+b") as file:
            file.truncate(len(data) - torn)
