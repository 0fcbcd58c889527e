"""What a sweep needs to know before and while it is played, without playing it."""

import json
import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from pathlib import Path
from queue import SimpleQueue

import pytest
from small_scenario import written

from leakdrill.attacks import ATTACKS
from leakdrill.cores import default_workers, num_cores
from leakdrill.errors import InvalidInput, ScenarioError
from leakdrill.referee import grid, on_ray
from leakdrill.referee.cells import broken, found_in
from leakdrill.referee.console import SilentObserver
from leakdrill.referee.countdown import Countdown
from leakdrill.referee.grid import resume_run, run_scenario
from leakdrill.referee.jobs import Job
from leakdrill.referee.recording import recorded_grid, settle_scenario, settled
from leakdrill.referee.schedule import Schedule
from leakdrill.referee.truth import load_split_key, settle_split_key
from leakdrill.runs.reading import cells_of
from leakdrill.runs.sweep import SWEEP
from leakdrill.scenario.grid import Cell, expand_grid
from leakdrill.scenario.loading import Loaded
from leakdrill.scenario.schema import Scenario


def sweep(**keys: object) -> Loaded:
    raw = written() | {"grid": {"seed": [1, 2, 3], "attacks": "all"}} | keys
    return Loaded("small", Scenario.model_validate(raw), Path("small.yaml"), raw)


@pytest.fixture
def unplayed(monkeypatch: pytest.MonkeyPatch) -> list[Cell]:
    """Stands in for what plays cells: those that it was given, which all break."""
    given: list[Cell] = []

    def play(cells: list[Cell], run_dir: Path, *rest: object) -> None:
        given.extend(cells)
        for cell in cells:
            broken(cell, run_dir, ScenarioError("not now"))

    monkeypatch.setattr(grid, "play_in_jobs", play)
    return given


def test_the_shares_of_all_shards_are_all_cells_once() -> None:
    cells = expand_grid(sweep().scenario)
    for num_shards in (1, 2, 5, len(cells)):
        shares = [Schedule(shard=(number, num_shards)).share(cells) for number in range(1, num_shards + 1)]
        assert sorted(chain(*shares), key=lambda cell: cell.name) == cells
        assert max(map(len, shares)) - min(map(len, shares)) <= 1
    with pytest.raises(InvalidInput, match=f"the grid has {len(cells)} cells"):
        Schedule(shard=(1, len(cells) + 1)).share(cells)


def test_cells_that_are_played_at_once_share_the_cores_and_a_task_of_a_cluster_has_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    assert [Schedule(jobs).cores(num_cells=16) for jobs in (1, 16, 32)] == [64, 4, 4]
    assert Schedule(64).cores(num_cells=128) == 1
    assert Schedule(1, "auto").cores(num_cells=16) == 1
    monkeypatch.setenv(*next(iter(Schedule(16).environment(num_cells=16).items())))
    assert num_cores() == 4
    assert [default_workers(cores) for cores in (1, 4, 64)] == [1, 4, 8]


def test_no_two_shards_sit_in_the_same_seats() -> None:
    seats = [Schedule(jobs=2, shard=shard).seats for shard in (None, (1, 3), (2, 3), (1, 4))]
    assert seats[:2] == [["1", "2"], ["1of3-1", "1of3-2"]]
    assert len(set(chain(*seats))) == 8


def test_a_sweeps_folder_says_what_is_played_and_what_is_not(tmp_path: Path, unplayed: list[Cell]) -> None:
    notes: list[str] = []
    observer = SilentObserver()
    observer.note = notes.append  # type: ignore[method-assign]
    found = run_scenario(sweep(), tmp_path, observer)
    assert isinstance(found, list)
    assert [results.verdict for results in found] == ["broken"] * len(unplayed)
    recorded = json.loads((tmp_path / SWEEP).read_text())
    assert [cell["name"] for cell in recorded["cells"]] == [cell.name for cell in unplayed]
    assert recorded["cells"][0]["labels"] == {"seed": 1, "attacks": "before"}
    skipped = [each for each in recorded["skipped"] if each["labels"]["attacks"] == "boundary"]
    assert [each["labels"]["seed"] for each in skipped] == [1, 2, 3]
    assert all("add label to cbig.api.outputs" in each["reason"] for each in skipped)
    assert any(note.startswith("skipped attacks=boundary (3 cells): ") for note in notes)


def test_a_folder_is_not_joined_by_another_sweep(tmp_path: Path, unplayed: list[Cell]) -> None:
    run_scenario(sweep(), tmp_path, SilentObserver())
    with pytest.raises(ScenarioError, match="holds a run of another scenario, or of other settings"):
        run_scenario(sweep(repeats=2), tmp_path, SilentObserver())


def test_a_sweep_goes_on_with_the_cells_that_it_began_with_whatever_its_grid_means_by_now(
    tmp_path: Path, unplayed: list[Cell], monkeypatch: pytest.MonkeyPatch
) -> None:
    run_scenario(sweep(), tmp_path, SilentObserver())
    begun = unplayed.copy()
    unplayed.clear()
    monkeypatch.delitem(ATTACKS, "entropy")  # as a version without it has `attacks: all`
    assert len(expand_grid(sweep().scenario)) < len(begun)
    resume_run(tmp_path, SilentObserver())
    assert unplayed == begun
    assert recorded_grid(tmp_path).cells == begun


def test_a_cell_that_this_version_cannot_play_is_named_before_any_is_played(
    tmp_path: Path, unplayed: list[Cell]
) -> None:
    run_scenario(sweep(), tmp_path, SilentObserver())
    unplayed.clear()
    recorded = json.loads((tmp_path / SWEEP).read_text())
    recorded["cells"][1]["scenario"]["seeed"] = 3
    (tmp_path / SWEEP).write_text(json.dumps(recorded))
    with pytest.raises(ScenarioError, match=r"sweep\.json: cell .*: .*seeed"):
        resume_run(tmp_path, SilentObserver())
    assert not unplayed


def test_a_sweep_of_cells_that_lie_elsewhere_is_not_read(tmp_path: Path, unplayed: list[Cell]) -> None:
    run_scenario(sweep(), tmp_path, SilentObserver())
    recorded = json.loads((tmp_path / SWEEP).read_text())
    for name in ("../../stolen", "1/../../stolen", ".."):
        recorded["cells"][0]["name"] = name
        (tmp_path / SWEEP).write_text(json.dumps(recorded))
        with pytest.raises(InvalidInput, match="was not written by this version"):
            cells_of(tmp_path)


def test_shards_that_begin_at_once_write_one_file_that_nobody_reads_half_written(tmp_path: Path) -> None:
    together, path = threading.Barrier(8), tmp_path / "run" / "scenario.json"
    texts = [str(number) * 1_000_000 for number in range(8)]

    def settle(text: str) -> str:
        together.wait()
        return settled(path, text)

    with ThreadPoolExecutor(8) as pool:
        (settled_on,) = set(pool.map(settle, texts))
    assert settled_on in texts
    assert list(path.parent.iterdir()) == [path]
    assert path.stat().st_mode & 0o077 == 0
    before = path.stat().st_mtime_ns
    assert settled(path, "another") == settled_on
    assert path.stat().st_mtime_ns == before


def test_the_scenario_of_a_sweep_is_written_once(tmp_path: Path) -> None:
    settle_scenario(tmp_path, sweep().scenario)
    before = (tmp_path / "scenario.json").stat()
    settle_scenario(tmp_path, sweep().scenario)
    assert (tmp_path / "scenario.json").stat().st_ino == before.st_ino
    with pytest.raises(ScenarioError, match="another scenario"):
        settle_scenario(tmp_path, sweep(repeats=2).scenario)


def test_a_claim_that_no_cell_can_decide_stops_a_sweep_before_its_first_cell(
    tmp_path: Path, unplayed: list[Cell]
) -> None:
    with pytest.raises(ScenarioError, match="unknown name 'nothing'"):
        run_scenario(sweep(expect=[{"claim": "x", "that": "nothing.auc > 0.5"}]), tmp_path, SilentObserver())
    assert not unplayed


def test_of_several_that_settle_the_split_key_at_once_one_has_its_way(tmp_path: Path) -> None:
    together = threading.Barrier(8)

    def settle(number: int) -> str:
        together.wait()
        return settle_split_key(tmp_path / "truth", f"key {number}")

    with ThreadPoolExecutor(8) as pool:
        (settled,) = set(pool.map(settle, range(8)))
    assert settled == load_split_key(tmp_path / "truth")
    (path,) = (tmp_path / "truth").iterdir()
    assert path.stat().st_mode & 0o077 == 0


def test_the_time_left_is_by_the_pace_of_the_cells_that_were_played_now() -> None:
    now = iter([100.0, 140.0])
    countdown = Countdown(num_cells=24, num_done=4, clock=lambda: next(now))
    assert str(countdown) == "4 of 24 cells done"
    for _ in range(2):
        countdown.count()
    assert str(countdown) == "6 of 24 cells done, about 6 min left"
    assert countdown.fraction == 0.25


def test_a_job_that_is_killed_is_heard_of_with_how_it_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cell = expand_grid(sweep().scenario)[0]
    heard: SimpleQueue[tuple[Job, dict[str, object] | None]] = SimpleQueue()
    start = subprocess.Popen
    sleep = [sys.executable, "-c", "import sys, time; print('out of luck', file=sys.stderr); time.sleep(600)"]
    with monkeypatch.context() as instead:
        instead.setattr(subprocess, "Popen", lambda command, **options: start(sleep, **options))
        job = Job(tmp_path, "1", heard, {})
    while "luck" not in (tmp_path / "seats/1/job.log").read_text():
        pass
    job.process.send_signal(signal.SIGKILL)
    assert heard.get() == (job, None)
    job.play(cell)  # nobody is there to read it
    results = broken(cell, tmp_path, job.death())
    assert results == found_in(tmp_path, cell)
    assert results.verdict == "broken"
    assert "exit code -9" in (results.error or "")
    assert "out of luck" in (results.error or "")
    job.end()


def test_without_ray_its_option_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(InvalidInput, match=r"--ray needs Ray: pip install 'leakdrill\[ray\]'"):
        on_ray.play_on_ray([], tmp_path, Schedule(1, "local"), SilentObserver(), Countdown(1))
