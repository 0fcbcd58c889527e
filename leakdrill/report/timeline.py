"""When what was played, and what it took: from the journal, and the story that the parties' own logs tell."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from leakdrill.errors import LeakdrillError
from leakdrill.referee import journal
from leakdrill.referee.auditing import AUDITED, audit_path
from leakdrill.referee.chain import Entry, entries_of
from leakdrill.referee.story import tell
from leakdrill.report.reading import Run

MOST_LINES = 200  # of the story

_TITLES = {
    "train_source": "cbig trains its source model f_s",
    "load_source": "cbig loads a source model f_s that is trained already",
    "release": "cbig hands g_s to csmall, by contract",
    "adapt": "csmall builds its target model f_t on g_s",
    "load_target": "csmall loads a target model f_t that is trained already",
    "breach": "csmall leaks, and the adversary takes what leaked",
    "revoke": "csmall shuts the leak, and certificates are renewed: the copy stays where it is",
}


#: Steps that may be played several times, and what the journal calls each time.
_EVENTS = {"breach": "breached", "revoke": "revoked", "defend": "defended"}


@dataclass(frozen=True)
class Moment:
    """One step. `at` and `took` are seconds, None where nobody recorded them; `share` of the longest step."""

    title: str
    kind: str
    at: float | None
    took: float | None
    share: float
    is_done: bool


def moments(run: Run) -> list[Moment]:
    """The steps of the timeline in their order; those that were not reached have no time."""
    steps = [step for step in run.scenario.get("timeline", []) if isinstance(step, dict)]
    clock = _Clock(run)
    timed = [(step, *clock.of(step)) for step in steps]
    longest = max((took for _, _, took in timed if took is not None), default=0.0) or 1.0
    recorded = [number for number, (_, at, took) in enumerate(timed) if at is not None or took is not None]
    num_done = 1 + max(recorded, default=-1)  # whatever comes before a step that was played has been played, too
    whole = run.scenario.get("cbig", {}).get("releases") == "source_model"
    return [
        Moment(_title(step, whole), str(step.get("step")), at, took, (took or 0.0) / longest, number < num_done)
        for number, (step, at, took) in enumerate(timed)
    ]


def began(run: Run) -> str:
    """When the run was opened, as in "2026-01-31 12:00 UTC"; empty where nobody recorded it."""
    return f"{datetime.fromisoformat(run.entries[0].time):%Y-%m-%d %H:%M} UTC" if run.entries else ""


def story(run: Run) -> list[str]:
    """What the parties' audit logs tell, as `leakdrill audit` does; empty where there is none, or it is damaged."""
    try:
        logs: dict[str, list[Entry]] = {
            party: entries_of(audit_path(run.folder, party).read_bytes())
            for party in AUDITED
            if audit_path(run.folder, party).is_file()
        }
        return list(tell(logs))[:MOST_LINES] if logs else []
    except (LeakdrillError, OSError, ValueError):
        return []


class _Clock:
    """Reads off, step by step, when each began and what it took.

    A run that was stopped is played from its start when it goes on, but for the attacks that it has finished: of
    everything else, what is told is of the last time.
    """

    def __init__(self, run: Run) -> None:
        self._entries = run.entries
        self._start = datetime.fromisoformat(run.entries[0].time) if run.entries else None
        self._seconds = run.results.seconds if run.results else {}
        self._judged = {attack.name: attack.seconds for attack in run.attacks}
        dealt = next((entry for entry in reversed(run.entries) if entry.event == "dealt"), None)
        self._now = self._since(dealt) if dealt else None
        last = [entry for entry in run.entries if dealt is None or entry.seq > dealt.seq]
        self._told = {kind: [entry for entry in last if entry.event == event] for kind, event in _EVENTS.items()}

    def of(self, step: dict[str, Any]) -> tuple[float | None, float | None]:
        """(when it began, what it took), in seconds since the run was opened."""
        kind = step.get("step")
        if kind == "attack":
            at, took = self._attack(str(step["attack"].get("name") or step["attack"].get("kind")))
        elif told := self._told.get(str(kind)):
            entry, took = told.pop(0), None
            at = self._since(entry)
        else:
            took = self._seconds.get(str(kind))
            at = self._now if took is not None else None
        if at is not None:
            self._now = max(self._now or 0.0, at + (took or 0.0))
        return at, took

    def _attack(self, name: str) -> tuple[float | None, float | None]:
        begun = done = None
        took = 0.0
        for entry in self._entries:
            if str(entry.fields.get("key", "")).rpartition(" ")[0] != f"attack {name}":
                continue
            if entry.event == journal.STEP_BEGUN and begun is None:
                begun = entry
            if entry.event == journal.STEP_DONE:
                done, took = entry, took + float(entry.fields.get("seconds", 0.0))
        return self._since(begun or done), took if done else self._judged.get(name)

    def _since(self, entry: journal.Entry | None) -> float | None:
        if entry is None or self._start is None:
            return None
        return (datetime.fromisoformat(entry.time) - self._start).total_seconds()


def _title(step: dict[str, Any], whole: bool) -> str:
    """`whole`: what cbig releases is all of f_s."""
    if whole and step.get("step") == "release":
        return "cbig hands all of f_s to csmall, by contract"
    if "defend" in step:
        kinds = ", ".join(str(each.get("kind")) for each in step["defend"].get("defences", [])) or "no defence"
        return f"{step['defend'].get('party')} answers through {kinds} from now on"
    if "attack" not in step:
        return _TITLES.get(str(step.get("step")), str(step.get("step")))
    spec = step["attack"]
    name, kind = spec.get("name") or spec.get("kind"), spec.get("kind")
    return f"attack {name}" if name == kind else f"attack {name} ({kind})"
