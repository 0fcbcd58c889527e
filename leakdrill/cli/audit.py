"""Whether the parties' audit logs are as they were written, and the story that they tell."""

from pathlib import Path
from typing import Annotated

import typer

from leakdrill.cli.shell import RunArgument, complain, stdout
from leakdrill.errors import NotFound
from leakdrill.network.audit import excerpt
from leakdrill.referee.auditing import audit_path, missing, recorded_drill, recorded_ends, settle
from leakdrill.referee.chain import End, entries_of, first_fault
from leakdrill.referee.story import tell
from leakdrill.runs.reading import CELLS

NOT_INTACT = 1

AllOption = Annotated[bool, typer.Option("--all", help="Every line of the logs, none summed up or left out.")]


def audit(run_dir: RunArgument, every_line: AllOption = False) -> None:
    """Check the parties' audit logs for tampering, and tell the story of the drill from them.

    Each line carries the hash of the one before it, and the journal holds the last one's, so a line that was changed,
    removed, inserted, moved or cut off is found, and so is a party that withheld its log. Of a grid, every cell is
    checked. Exit codes: 0 all there and intact, 1 tampered or missing, 2 nothing to audit.

    \b
    leakdrill audit runs/quickstart-20260101-120000
    leakdrill audit runs/quickstart-20260101-120000 --all
    """
    cells = sorted(path.parent for path in run_dir.glob(f"{CELLS}/*/audit"))
    drills = cells or [path.parent for path in run_dir.glob("audit")]
    if not drills:
        raise NotFound(f"{run_dir} has no audit logs: the referee collects them when it judges a drill")
    faults = [fault for drill in drills for fault in _faults(drill)]
    for fault in faults:
        complain(fault)
    if faults:
        raise typer.Exit(NOT_INTACT)
    for drill in drills:
        _tell(drill, every_line)
    withheld = [line for drill in drills for line in _withheld(drill)]
    for line in withheld:
        complain(line)
    if withheld:
        raise typer.Exit(NOT_INTACT)


def _faults(drill: Path) -> list[str]:
    """The first fault of each party's log, as one line for people."""
    settle(drill)
    ends = recorded_ends(drill)
    parties = sorted({path.stem for path in (drill / "audit").glob("*.jsonl")} | ends.keys())
    return [fault for party in parties if (fault := _fault(drill, party, ends.get(party, [])))]


def _fault(drill: Path, party: str, ends: list[End]) -> str:
    path = audit_path(drill, party)
    if not path.exists():
        return f"{path}: removed: the journal has recorded {ends[-1].num_lines} lines of it"
    if not ends:
        return f"{path}: inserted: the journal has no record of it"
    fault = first_fault(path.read_bytes(), recorded_drill(drill), ends)
    return f"{path}, line {fault.line}: {fault.what}" if fault else ""


def _withheld(drill: Path) -> list[str]:
    """Whose log is not there to the end, as one line for people each."""
    lines = []
    for party, why in missing(drill).items():
        path = audit_path(drill, party)
        until = f"{path} ends where the referee last got it" if path.exists() else f"there is no {path}"
        lines.append(f"{drill.name}: {party} withheld its audit log, or it is missing: {excerpt(why)}; {until}")
    return lines


def _tell(drill: Path, every_line: bool) -> None:
    logs = {path.stem: entries_of(path.read_bytes()) for path in sorted((drill / "audit").glob("*.jsonl"))}
    console = stdout()
    counts = ", ".join(f"{party} {len(entries):,} lines" for party, entries in logs.items())
    what = "what there is of the audit logs is intact" if missing(drill) else "the audit logs are intact"
    console.print(f"{drill.name}: {what} ({counts or 'nothing'})", style="bold", soft_wrap=True)
    for line in tell(logs, in_full=every_line):
        console.print(line, soft_wrap=True)
