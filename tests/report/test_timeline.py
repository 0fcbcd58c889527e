"""When what was played, by a journal that was written by hand."""

from pathlib import Path
from typing import Any

import pytest
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
    run = _run([*stopped, *again], finished)
    at = {moment.title: moment.at for moment in moments(run)}
    assert list(at.values()) == [60.0, 62.0, 62.1, 3.0, 62.0, 63.0]


@pytest.mark.parametrize(("num_lines", "num_played"), [(3, 0), (5, 4), (6, 5), (8, 6)])
def test_what_stands_before_a_step_that_was_played_was_played_though_nobody_wrote_down_when(
    finished: Results, num_lines: int, num_played: int
) -> None:
    unjudged = _run(journal()[:num_lines], finished, is_judged=False)
    assert [moment.is_done for moment in moments(unjudged)] == [True] * num_played + [False] * (6 - num_played)


def test_without_a_journal_a_judged_run_was_played_and_attacks_took_what_the_results_say(finished: Results) -> None:
    told = moments(_run([], finished))
    assert all(moment.is_done and moment.at is None for moment in told)
    assert [moment.took for moment in told if moment.title.startswith("attack")] == [1.5, 1.5]


def _run(lines: list[dict[str, Any]], finished: Results, is_judged: bool = True) -> Run:
    head = ("seq", "time", "event")
    entries = [
        Entry(*(line[key] for key in head), {key: line[key] for key in line if key not in head}) for line in lines
    ]
    return Run(Path("run"), finished.scenario, finished if is_judged else None, entries, None, {}, {})
