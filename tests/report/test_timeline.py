"""When what was played, by a journal that was written by hand."""

from pathlib import Path

from recorded_runs import journal

from leakdrill.referee.journal import Entry
from leakdrill.report.reading import Run
from leakdrill.report.timeline import moments
from leakdrill.results import Results


def test_of_a_run_that_went_on_steps_have_the_times_of_the_last_time_and_attacks_those_when_they_were_played(
    finished: Results,
) -> None:
    stopped = journal()[:6]  # once the breach is done
    again = [line for line in journal()[1:] if line.get("key") != "attack coin 0"]
    for number, line in enumerate(again):
        line["seq"], line["time"] = 6 + number, f"2026-01-02T03:05:{5 + number:02d}+00:00"
    lines = [*stopped, *again]
    head = ("seq", "time", "event")
    entries = [
        Entry(*(line[key] for key in head), {key: line[key] for key in line if key not in head}) for line in lines
    ]
    run = Run(Path("run"), finished.scenario, finished, entries, None, {}, {})
    at = {moment.title: moment.at for moment in moments(run)}
    assert list(at.values()) == [60.0, 62.0, 62.1, 3.0, 62.0, 63.0]
