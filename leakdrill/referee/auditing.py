"""Collecting the parties' audit logs into a run's folder, and recording in the journal where each ended."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from leakdrill.errors import LeakdrillError, NotFound
from leakdrill.network.policy import Party
from leakdrill.referee.chain import End, end_of
from leakdrill.referee.journal import OPENED, Journal, read

if TYPE_CHECKING:  # it needs torch, which leakdrill audit does not
    from leakdrill.referee.clients import PartyClient

log = logging.getLogger(__name__)

COLLECTED = "audit_collected"
MISSING = "audit_missing"
AUDITED: tuple[Party, ...] = ("cbig", "csmall", "adversary")


def audit_path(run_dir: Path, party: str) -> Path:
    return run_dir / "audit" / f"{party}.jsonl"


def part_path(run_dir: Path, party: str) -> Path:
    """Where a log is until the journal says that it was collected."""
    return audit_path(run_dir, party).with_suffix(".part")


def collect_audits(clients: "Sequence[PartyClient]", run_dir: Path, journal: Journal) -> None:
    """Fetches what each party has logged of this drill. A party that is gone leaves only a line in the journal."""
    (run_dir / "audit").mkdir(exist_ok=True)
    for client in clients:
        try:
            content = client.audit()
        except LeakdrillError as error:
            log.warning("no audit log of %s: %s", client.name, error)
            journal.append(MISSING, party=client.name, error=str(error))
            continue
        end = end_of(content, drill=journal.drill_id())
        part = part_path(run_dir, client.name)
        part.write_bytes(content)
        journal.append(COLLECTED, party=client.name, num_lines=end.num_lines, head=end.head)
        part.replace(audit_path(run_dir, client.name))  # if we are killed before this, `settle` does it


def settle(run_dir: Path) -> None:
    """Puts in their places the logs whose collection was cut short when the journal had their ends already."""
    for party, ends in recorded_ends(run_dir).items():
        part = part_path(run_dir, party)
        if part.exists() and end_of(part.read_bytes(), recorded_drill(run_dir)) == ends[-1]:
            part.replace(audit_path(run_dir, party))


def recorded_drill(run_dir: Path) -> str:
    """The id under which the parties logged. Raises NotFound when nobody recorded it."""
    opened = (entry for entry in read(run_dir / "journal.jsonl") if entry.event == OPENED)
    if (entry := next(opened, None)) is None:
        raise NotFound(f"{run_dir}/journal.jsonl does not say under which id the parties logged")
    return str(entry.fields["drill"])


def missing(run_dir: Path) -> dict[str, str]:
    """The parties of which no log came when the referee last asked, or ever, and why."""
    last = dict.fromkeys(AUDITED, "it was never collected")
    for entry in read(run_dir / "journal.jsonl"):
        if entry.event in (COLLECTED, MISSING):
            last[entry.fields["party"]] = entry.fields.get("error", "")
    return {party: error for party, error in last.items() if error}


def recorded_ends(run_dir: Path) -> dict[str, list[End]]:
    """Every end that was recorded of each party's log, oldest first.

    Raises NotFound without a journal, InvalidInput for a malformed one.
    """
    ends: dict[str, list[End]] = {}
    if not (run_dir / "journal.jsonl").exists():
        raise NotFound(f"{run_dir} has no journal.jsonl: without it nobody can say where the audit logs ended")
    for entry in read(run_dir / "journal.jsonl"):
        if entry.event == COLLECTED:
            fields = entry.fields
            ends.setdefault(fields["party"], []).append(End(fields["num_lines"], fields["head"]))
    return ends
