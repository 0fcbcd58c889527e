"""What each caller has asked the public APIs, read from the accounts on the local parties' disks.

So the counts are the owners' own, while they serve and after, and nobody has to be asked for them.
"""

from collections import Counter
from pathlib import Path

from leakdrill.parties.charges import Charge, path_of
from leakdrill.referee.journal import OPENED, read

OWNERS = ("cbig", "csmall")


class Spent:
    """Examples that callers have asked about. Each look reads only what was added since the one before."""

    def __init__(self, run_dir: Path) -> None:
        drill = next(str(entry.fields["drill"]) for entry in read(run_dir / "journal.jsonl") if entry.event == OPENED)
        ledgers = {owner: run_dir / "parties" / owner / "home" / "ledger" for owner in OWNERS}
        self._files = {owner: path_of(ledger, drill) for owner, ledger in ledgers.items()}
        self._read_bytes = dict.fromkeys(OWNERS, 0)
        self._counts: Counter[tuple[str, str]] = Counter()

    def of(self, caller: str) -> dict[str, int]:
        """By model: "cbig/source" -> examples. None are left out."""
        for owner, path in self._files.items():
            self._go_on(owner, path)
        return {model: count for (who, model), count in sorted(self._counts.items()) if who == caller}

    def _go_on(self, owner: str, path: Path) -> None:
        if not path.exists():  # nobody has asked yet
            return
        with path.open("rb") as file:
            file.seek(self._read_bytes[owner])
            added = file.read()
        whole = added[: added.rfind(b"\n") + 1]  # the last line may be half written
        for line in whole.splitlines():
            charge = Charge.model_validate_json(line)
            self._counts[charge.caller, f"{owner}/{charge.model}"] += charge.num_examples
        self._read_bytes[owner] += len(whole)
