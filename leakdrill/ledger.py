"""What was asked of a party's public APIs, counted in examples by the party that answers, against a budget."""

import threading
from collections import Counter

from leakdrill.errors import BudgetExhausted

UNMETERED = frozenset({"referee"})  # it judges; its calls are counted, and never refused


class Ledger:
    """Counts queries by caller, model and output. Thread-safe."""

    def __init__(self, budget: int | None = None) -> None:
        self._lock = threading.Lock()
        self._budget = budget
        self._counts: Counter[tuple[str, str, str]] = Counter()

    def open(self, budget: int | None) -> None:
        """Starts anew: every caller may ask about `budget` examples of each model; None is no limit."""
        with self._lock:
            self._budget = budget
            self._counts.clear()

    def charge(self, caller: str, model: str, output: str, num_examples: int) -> None:
        """Counts a batch, before it is answered. Raises BudgetExhausted, and counts nothing, if it is not covered."""
        with self._lock:
            if self._budget is not None and caller not in UNMETERED:
                left = self._budget - self._spent(caller, model)
                if num_examples > left:
                    raise BudgetExhausted(
                        f"asked for {num_examples} queries of {model}, {left} left of {self._budget}: "
                        "ask about fewer examples, or raise the scenario's query_budget"
                    )
            self._counts[caller, model, output] += num_examples

    def counts(self) -> dict[tuple[str, str, str], int]:
        """Examples asked about so far, by (caller, model, output)."""
        with self._lock:
            return dict(self._counts)

    def _spent(self, caller: str, model: str) -> int:
        return sum(count for (who, what, _), count in self._counts.items() if (who, what) == (caller, model))
