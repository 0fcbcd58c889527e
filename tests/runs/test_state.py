"""How far a run is, by what its journal says and by whether somebody holds its lock."""

import fcntl
import threading
from pathlib import Path

import pytest
from small import small

from leakdrill.errors import NotFound, NotReady
from leakdrill.referee.journal import Journal
from leakdrill.runs.running import LOCK, alone, is_alive
from leakdrill.runs.state import find_runs, state_of


@pytest.fixture
def run(tmp_path: Path) -> Path:
    where = tmp_path / "runs" / "small"
    where.mkdir(parents=True)
    (where / "scenario.json").write_text(small().model_dump_json())
    return where


def playing(journal: Journal, number: int, step: str) -> None:
    journal.append("playing", number=number, of=6, step=step)


def test_a_run_is_known_by_its_last_step_and_by_who_plays_it(run: Path) -> None:
    assert state_of(run).state == "not begun"
    journal = Journal(run / "journal.jsonl")
    journal.drill_id()
    for number, step in enumerate(("train_source", "release", "adapt", "gap"), start=1):
        playing(journal, number, step)
    journal.append("step_done", key="attack gap 0", queries={"cbig/source": 280})
    playing(journal, 5, "breach")
    found = state_of(run)
    assert (found.state, found.asked, found.budget) == ("interrupted", {"cbig/source": 280}, 5000)
    assert [step.state for step in found.steps] == ["done"] * 4 + ["interrupted", "to come"]
    assert found.next == f"leakdrill resume {run}"
    with alone(run):
        assert [step.state for step in state_of(run).steps][4] == "running"
        assert state_of(run).state == "running"
    journal.append("stopped", number=6, of=6, step="after")
    assert [step.state for step in state_of(run).steps] == ["done"] * 5 + ["to come"]
    assert state_of(run).state == "stopped"
    journal.append("judged", verdict="broken")
    assert "mend what broke it" in state_of(run).next


def test_two_processes_do_not_play_one_run(run: Path) -> None:
    assert not is_alive(run)
    with alone(run):
        assert is_alive(run)
        with pytest.raises(NotReady, match="is being played by another process"), alone(run):
            pass
    assert not is_alive(run)


def test_who_looks_whether_a_run_is_alive_does_not_keep_it_from_going_on(run: Path) -> None:
    looking = (run / LOCK).open("ab")
    fcntl.flock(looking, fcntl.LOCK_SH)
    soon = threading.Timer(0.1, looking.close)
    soon.start()
    with alone(run):
        assert looking.closed
    soon.join()


def test_runs_are_found_the_latest_first(run: Path) -> None:
    other = run.with_name("other")
    other.mkdir()
    (other / "scenario.json").write_text("{}")
    assert find_runs(run.parent) == [other, run]
    with pytest.raises(NotFound, match="no runs in"):
        find_runs(run)
