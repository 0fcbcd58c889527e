"""The story of a drill, as the parties' audit logs tell it: one timeline, in words that can be read aloud."""

import itertools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from leakdrill.network.audit import excerpt
from leakdrill.referee.chain import Entry

TOLD = {
    "Configure": "{caller} told {party} its part of the drill",
    "Provision": "{caller} dealt {party} a split of examples",
    "Train": "{party} trained its source model",
    "ReleaseFeatures": "{caller} was handed {party}'s feature extractor, by contract",
    "Adapt": "{party} built its target model",
    "Exfiltrate": "{caller} took what leaked at {party}",
    "Attack": "{party} finished an attack",
}
#: The referee's own machinery, and calls whose outcome another line tells; told when they fail, and in full.
QUIET = ("Transition", "Collect", "Audit", "Acquire", "Loot")


@dataclass(frozen=True)
class _Moment:
    time: datetime
    told: str


def tell(logs: Mapping[str, Sequence[Entry]], in_full: bool = False) -> Iterator[str]:
    """The lines of the story of `logs`, by party. Runs of equal lines are summed up, unless `in_full`."""
    moments = sorted(
        (moment for party, entries in logs.items() for moment in _moments(party, entries, in_full)),
        key=lambda moment: moment.time,
    )
    for told, run in itertools.groupby(moments, key=lambda moment: moment.told):
        times = [_clock(moment.time - moments[0].time) for moment in run]
        if in_full or len(times) == 1:
            yield from (f"{time} {told}" for time in times)
        else:
            until = f", until {times[-1]}" if times[-1] != times[0] else ""
            yield f"{times[0]} {told} {len(times):,} times{until}"


def _moments(party: str, entries: Iterable[Entry], in_full: bool) -> Iterator[_Moment]:
    state = "setup"
    for entry in entries:
        is_quiet = entry.status == "OK" and _name(entry) in QUIET
        if not is_quiet or in_full:
            yield _Moment(entry.time, _told(party, entry, state))
        state = entry.state or state


def _told(party: str, entry: Entry, state: str) -> str:
    match entry.event:
        case "call":
            return _call(party, entry, state)
        case "state":
            return f"{party} moved to {excerpt(entry.state)}"
        case "renewed":
            return f"{party} took up a new certificate, and lets nobody in with an older one"
        case "restarted":
            lost = f"; it had been cut off while writing {excerpt(entry.torn)!r}" if entry.torn else ""
            return f"{party} was started again{lost}"
        case "unlogged":
            return f"{party} had {entry.count:,} more calls of {excerpt(entry.caller)} that it did not log one by one"
        case _:
            return f"{party} logged {excerpt(entry.event)}"


def _call(party: str, entry: Entry, state: str) -> str:
    """Nothing that a log says is trusted to be printable: a party writes its own."""
    caller, name = excerpt(entry.caller), excerpt(_name(entry))
    if entry.status == "OK":
        return TOLD.get(name, "{caller} asked {party} {name}").format(caller=caller, party=party, name=name)
    return f"{caller} tried {name} at {party}: {excerpt(entry.status)} ({_reason(party, entry, state)})"


def _reason(party: str, entry: Entry, state: str) -> str:
    if entry.status == "PERMISSION_DENIED" and _name(entry) == "Exfiltrate" and state != "breached":
        return "not breached"
    if entry.path:
        return "there is no such method"
    if entry.status == "PERMISSION_DENIED":
        return f"not granted while {party} is in state {excerpt(state)}"
    if entry.error:
        return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", excerpt(entry.error)).lower()
    return {"CANCELLED": "the caller gave up", "INTERNAL": f"a fault of {party}'s"}.get(entry.status, "no reason given")


def _name(entry: Entry) -> str:
    """ "Exfiltrate" of "/leakdrill.v1.ExfiltrationService/Exfiltrate"; where there is no method, what was asked for."""
    return entry.path or entry.method.rpartition("/")[2]


def _clock(since: timedelta) -> str:
    """ "01:02.3": minutes and seconds."""
    minutes, seconds = divmod(since.total_seconds(), 60)
    return f"{int(minutes):02d}:{seconds:04.1f}"
