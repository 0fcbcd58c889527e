import json
from datetime import UTC, datetime, timedelta
from typing import Any

from leakdrill.referee.chain import Entry
from leakdrill.referee.story import tell

START = datetime(2026, 1, 1, tzinfo=UTC)


def entry(seconds: float, event: str = "call", **fields: Any) -> Entry:
    time = (START + timedelta(seconds=seconds)).isoformat()
    line = {"seq": 0, "previous": "", "time": time, "drill": "drill-1", "event": event, **fields}
    return Entry.model_validate_json(json.dumps(line))


def call(seconds: float, caller: str, method: str, status: str = "OK", **fields: Any) -> Entry:
    return entry(seconds, caller=caller, method=f"/leakdrill.v1.Service/{method}", status=status, **fields)


DENIED = {"status": "PERMISSION_DENIED", "error": "AccessDenied"}

LOGS = {
    "csmall": [
        entry(0, "state", state="setup"),
        call(12.3, "adversary", "Exfiltrate", **DENIED),
        entry(20, "state", state="breached"),
        call(20.1, "referee", "Transition"),
        call(21, "adversary", "Exfiltrate"),
    ],
    "cbig": [
        call(1, "referee", "Train"),
        *(call(14 + number / 100, "adversary", "ModelInfer") for number in range(42)),
        call(15, "adversary", "ModelInfer", "RESOURCE_EXHAUSTED", error="BudgetExhausted"),
    ],
}


def test_the_breach_is_told_as_one_timeline_in_words() -> None:
    assert list(tell(LOGS)) == [
        "00:00.0 csmall moved to setup",
        "00:01.0 cbig trained its source model",
        "00:12.3 adversary tried Exfiltrate at csmall: PERMISSION_DENIED (not breached)",
        "00:14.0 adversary asked cbig ModelInfer 42 times, until 00:14.4",
        "00:15.0 adversary tried ModelInfer at cbig: RESOURCE_EXHAUSTED (budget exhausted)",
        "00:20.0 csmall moved to breached",
        "00:21.0 adversary took what leaked at csmall",
    ]


def test_in_full_it_has_every_line_of_the_logs() -> None:
    told = list(tell(LOGS, in_full=True))
    assert len(told) == sum(len(entries) for entries in LOGS.values())
    assert "00:20.1 referee asked csmall Transition" in told


def test_the_referees_machinery_is_told_when_it_fails() -> None:
    assert "Collect" in next(tell({"cbig": [call(0, "adversary", "Collect", **DENIED)]}))


def test_a_refusal_says_in_which_state_of_the_drill_it_was() -> None:
    logs = {"cbig": [entry(0, "state", state="open"), call(1, "adversary", "Train", **DENIED)]}
    assert list(tell(logs))[1] == (
        "00:01.0 adversary tried Train at cbig: PERMISSION_DENIED (not granted while cbig is in state open)"
    )


def test_ends_that_are_no_refusals_have_their_reason_too() -> None:
    logs = {"cbig": [call(0, "csmall", "ReleaseFeatures", "CANCELLED"), call(1, "referee", "Train", "INTERNAL")]}
    assert [line.rpartition(": ")[2] for line in tell(logs)] == [
        "CANCELLED (the caller gave up)",
        "INTERNAL (a fault of cbig's)",
    ]


def test_a_restart_says_what_was_lost() -> None:
    logs = {
        "cbig": [
            entry(0, "restarted"),
            entry(3600, "restarted", torn='{"se'),
            entry(3601, "unlogged", caller="adversary", count=5),
        ]
    }
    assert list(tell(logs)) == [
        "00:00.0 cbig was started again",
        "60:00.0 cbig was started again; it had been cut off while writing '{\"se'",
        "60:01.0 cbig had 5 more calls of adversary that it did not log one by one",
    ]


def test_what_a_hostile_party_wrote_cannot_play_with_the_terminal() -> None:
    evil = "\x1b[2J\n00:00.0 all is well"
    logs = {
        "cbig": [
            entry(0, caller=evil, method="unknown", path=evil, **DENIED),
            entry(1, "state", state=evil),
            entry(2, evil, torn=evil),
            call(3, evil, evil, evil, error=evil),
        ]
    }
    for line in tell(logs):
        assert line.isprintable()
