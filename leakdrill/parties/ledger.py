"""What was asked of a party's public APIs, counted in examples by the party that answers, against budget and rate.

A drill is one account. Its budget may be given several times over, as allowances: each of the fresh adversaries who
play an attack in folds has one of its own, and what any of them asks is in the account's counts.

Accounts stand on the party's own disk (leakdrill/parties/charges.py), so that a party which starts again in the
middle of a drill neither forgets what was spent nor charges a retried request twice.
"""

import hashlib
import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from leakdrill.errors import BudgetExhausted
from leakdrill.network.idempotency import check_same
from leakdrill.network.rate_limit import Clock, RateLimit
from leakdrill.parties import charges
from leakdrill.parties.charges import Charge

UNMETERED = frozenset({"referee"})  # it judges; its calls are counted, and never refused
MAX_KEYS = 1 << 17  # of one caller, some 60 MB; a request retried after so many others would be charged again


class Ledger:
    """Counts queries by caller, model and output. Thread-safe.

    `directory` is where its accounts are, for one process at a time; without one they are kept in memory alone.
    """

    def __init__(self, directory: Path | None = None, budget: int | None = None, clock: Clock = time.monotonic) -> None:
        self._lock = threading.Lock()
        self._directory = directory
        self._path: Path | None = None  # of the account that is open
        self._clock = clock
        self._account: str | None = None
        self._allowance = ""
        self._budget = budget
        self._rate_limit = RateLimit(None, clock)
        self._spent_before: Mapping[str, int] = {}
        self._counts: Counter[tuple[str, str, str]] = Counter()
        self._spent: Counter[tuple[str, str, str]] = Counter()  # by allowance, caller and model
        self._charged: dict[str, OrderedDict[str, _Paid]] = {}  # by caller and idempotency key

    def open(
        self,
        account: str,
        budget: int | None = None,
        rate_limit: float | None = None,
        spent_before: Mapping[str, int] | None = None,
    ) -> None:
        """Begins an account, such as a run's, or goes on with it where it was left.

        Every caller may ask about `budget` examples of each model, and `rate_limit` a second of all; None is no limit.
        It begins with the drill's own allowance, of which `spent_before`, by model, is gone: in the run, with an
        account of its own, that this one goes on from.
        Raises InvalidInput when the file cannot be read.
        """
        with self._lock:
            self._spent_before = spent_before or {}
            self._budget, self._rate_limit = budget, RateLimit(rate_limit, self._clock)
            self._allowance = ""
            if account == self._account:
                return
            self._account = None
            self._counts.clear()
            self._spent.clear()
            self._charged.clear()
            if self._directory is not None:
                self._path = charges.path_of(self._directory, account)
                for charge in charges.begin(self._path):
                    self._count(charge)
            self._account = account

    def allot(self, allowance: str) -> None:
        """From now on, queries are paid from the so named allowance, as large as the budget, or what is left of it."""
        with self._lock:
            self._allowance = allowance

    def charge(self, caller: str, model: str, output: str, num_examples: int, key: str = "", request: str = "") -> int:
        """Counts a batch, before it is answered; one whose `key` was charged before is free.

        Returns the number of its first example, of those that this caller asked of this model from this allowance: the
        same when a free batch comes again, in a process that started anew, and in a run that goes on from another.

        Raises BudgetExhausted, RateLimited, or InvalidInput for a key that came before with another `request` (digest);
        then nothing is counted or remembered. A free batch still takes its share of the rate: it is computed again.
        """
        with self._lock:
            paid = self._paid(caller, key, request)
            if caller not in UNMETERED:
                if paid is None:
                    self._check_budget(caller, model, num_examples)
                self._rate_limit.take(caller, num_examples)
            if paid is None:
                charge = Charge(
                    caller=caller,
                    model=model,
                    output=output,
                    num_examples=num_examples,
                    key=key,
                    request=request,
                    allowance=self._allowance,
                )
                if self._path is not None:
                    charges.append(self._path, charge)
                paid = self._count(charge)
            return paid.first

    def counts(self) -> dict[tuple[str, str, str], int]:
        """Examples asked about so far, by (caller, model, output), from all allowances together."""
        with self._lock:
            return dict(self._counts)

    def left(self, caller: str, model: str) -> int | None:
        """Examples of `model` that `caller` may still ask about, from this allowance; None is no limit."""
        with self._lock:
            return self._left(caller, model)

    def _left(self, caller: str, model: str) -> int | None:
        if self._budget is None or caller in UNMETERED:
            return None
        return max(0, self._budget - self._num_spent(self._allowance, caller, model))  # it may go on with a smaller one

    def _num_spent(self, allowance: str, caller: str, model: str) -> int:
        is_before = not allowance and caller not in UNMETERED
        return self._spent[allowance, caller, model] + (self._spent_before.get(model, 0) if is_before else 0)

    def _check_budget(self, caller: str, model: str, num_examples: int) -> None:
        left = self._left(caller, model)
        if left is not None and num_examples > left:
            raise BudgetExhausted(
                f"asked for {num_examples} queries of {model}, {left} left of {self._budget}: "
                "ask about fewer examples, or raise the scenario's query_budget"
            )

    def _paid(self, caller: str, key: str, request: str) -> "_Paid | None":
        charged = self._charged.get(caller, OrderedDict()).get(key)
        if charged is not None:
            check_same(key, charged.request, request)
        return charged

    def _count(self, charge: Charge) -> "_Paid":
        spent = self._num_spent(charge.allowance, charge.caller, charge.model)
        paid = _Paid(charge.request, _start(charge.allowance) + spent)
        self._counts[charge.caller, charge.model, charge.output] += charge.num_examples
        self._spent[charge.allowance, charge.caller, charge.model] += charge.num_examples
        if charge.key:
            charged = self._charged.setdefault(charge.caller, OrderedDict())
            charged[charge.key] = paid
            if len(charged) > MAX_KEYS:
                charged.popitem(last=False)
        return paid


@dataclass(frozen=True)
class _Paid:
    request: str  # its digest
    first: int  # number of its first example


def _start(allowance: str) -> int:
    """Far from where another allowance starts."""
    return int.from_bytes(hashlib.sha256(allowance.encode()).digest()[:4], "big") << 24 if allowance else 0
