"""Sweeps with real parties: the same results however they are played, whatever breaks, and whoever is killed."""

import filecmp
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import yaml

from leakdrill.referee.cells import CELLS
from leakdrill.referee.compare import differences
from leakdrill.referee.console import SilentObserver
from leakdrill.referee.grid import resume_run, run_scenario
from leakdrill.referee.local import PARTIES, LocalParties
from leakdrill.referee.schedule import IN_TURN, Schedule
from leakdrill.referee.truth import load_split_key
from leakdrill.results import Results
from leakdrill.scenario.loading import Loaded, load_scenario

pytestmark = pytest.mark.slow

TINY: dict[str, Any] = {
    "question": "Which answers hide members?",
    "split_key": "pinned, so that two sweeps can be compared",
    "data": {
        "set": "digits",
        "image_size": 8,
        "splits": {"source_train": 4, "source_test": 4, "source_validation": 1, "shadow_train": 2, "shadow_test": 2},
    },
    "cbig": {
        "source_model": {"arch": {"kind": "small_cnn", "width": 4}, "fit": {"epochs": 1}},
        "api": {"outputs": ["scores", "label"]},
    },
    "timeline": ["train_source", {"attack": {"kind": "gap"}}, {"attack": {"kind": "entropy"}}],
    "grid": {"attacks": ["gap", "entropy"], "defences": ["none", "top_k"]},
}
START_SECONDS, LEAVE_SECONDS = 400.0, 200.0  # far more than it takes, on a busy machine too


def tiny(folder: Path, **changes: Any) -> Path:
    """The file of a sweep."""
    path = folder / "tiny.yaml"
    path.write_text(yaml.safe_dump(TINY | changes, sort_keys=False))
    return path


def play(
    loaded: Loaded, run_dir: Path, parties: LocalParties | None = None, schedule: Schedule = IN_TURN
) -> list[Results]:
    found = run_scenario(loaded, run_dir, SilentObserver(), parties, schedule)
    assert isinstance(found, list)
    return found


def assert_the_same(first: Path, second: Path, num_cells: int) -> None:
    """Scores to the last bit, and every figure."""
    cells = sorted(path.parent.relative_to(first) for path in (first / CELLS).glob("*/results.json"))
    assert len(cells) == num_cells
    for cell in cells:
        then, now = (Results.model_validate_json((run / cell / "results.json").read_text()) for run in (first, second))
        assert then.verdict == "met"
        assert differences(then, now) == []
        scores = sorted(path.relative_to(first) for path in (first / cell / "scores").iterdir())
        assert scores
        for path in scores:
            assert filecmp.cmp(first / path, second / path, shallow=False), path


@pytest.fixture(scope="module")
def in_turn(parties: LocalParties, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny sweep, played cell by cell with the same parties."""
    folder = tmp_path_factory.mktemp("in_turn")
    play(load_scenario(tiny(folder)), folder / "run", parties)
    return folder / "run"


@pytest.fixture(scope="module")
def in_jobs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same on two processes."""
    folder = tmp_path_factory.mktemp("in_jobs")
    play(load_scenario(tiny(folder)), folder / "run", schedule=Schedule(jobs=2))
    return folder / "run"


def test_two_processes_find_the_same_as_one_to_the_last_bit(in_turn: Path, in_jobs: Path) -> None:
    assert_the_same(in_turn, in_jobs, num_cells=4)


def test_a_pinned_split_key_is_in_files_of_their_owner_alone(in_turn: Path, in_jobs: Path) -> None:
    for run_dir in (in_turn, in_jobs):
        files = [path for path in run_dir.rglob("*") if path.is_file()]
        holders = [path for path in files if TINY["split_key"].encode() in path.read_bytes()]
        assert {path.name for path in holders} == {"scenario.json", "sweep.json", "split_key"}
        assert all(path.stat().st_mode & 0o077 == 0 for path in holders)


def test_a_model_that_all_cells_need_is_trained_once(in_jobs: Path) -> None:
    assert len(list((in_jobs / "models" / "cbig").glob("*/meta.json"))) == 1
    seconds = {
        Results.model_validate_json(path.read_text()).models["source"].seconds
        for path in (in_jobs / CELLS).glob("*/results.json")
    }
    assert len(seconds) == 1  # those of the one training


def test_a_partys_models_are_its_own_incarnations_and_nobody_elses(in_jobs: Path) -> None:
    for seat, party in product(("1", "2"), PARTIES):
        home = in_jobs / "seats" / seat / "parties" / party / "home"
        links = [path for path in home.rglob("*") if path.is_symlink()]
        assert [link.resolve() for link in links] == [in_jobs / "models" / party]
        for private in (home, home.parent, in_jobs / "models" / party):
            assert private.stat().st_mode & 0o077 == 0


def test_a_cell_that_cannot_be_dealt_breaks_alone_and_is_played_again(parties: LocalParties, tmp_path: Path) -> None:
    defences = ["none", {"kind": "top_k", "k": 50}]  # of ten classes, as is seen once the data is opened
    loaded = load_scenario(tiny(tmp_path, grid={"defences": defences, "attacks": ["gap"]}))
    whole, impossible = play(loaded, tmp_path / "run", parties)
    assert (whole.verdict, impossible.verdict) == ("met", "broken")
    assert "top_k with k=50" in (impossible.error or "")
    assert whole.attacks
    again = resume_run(tmp_path / "run", SilentObserver(), parties)
    assert isinstance(again, list)
    assert [cell.verdict for cell in again] == ["met", "broken"]


def test_shards_share_the_folder_and_the_members_and_leave_no_cell_out(tmp_path: Path) -> None:
    loaded = load_scenario(tiny(tmp_path, split_key=None, grid={"defences": ["none", "top_k"]}))
    found: dict[int, list[Results]] = {}

    def shard(number: int) -> None:
        found[number] = play(loaded, tmp_path / "run", schedule=Schedule(shard=(number, 2)))

    threads = [threading.Thread(target=shard, args=(number,)) for number in (1, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [len(found[number]) for number in (1, 2)] == [1, 1]
    cells = sorted((tmp_path / "run" / CELLS).iterdir())
    assert len(cells) == 2
    assert {load_split_key(cell / "truth") for cell in cells} == {load_split_key(tmp_path / "run" / "truth")}
    assert len(list((tmp_path / "run" / "models" / "cbig").glob("*/meta.json"))) == 1


class Running:
    """The leakdrill command in a process of its own, to be killed."""

    def __init__(self, *arguments: object) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", "from leakdrill.cli import app; app()", *map(str, arguments)],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip

    def kill_after(self, num_cells: int, run_dir: Path, number: int) -> tuple[int, str]:
        """By that signal, once so many cells of the run have results; its exit code, and what it said."""
        await_that(lambda: len(finished(run_dir)) >= num_cells or self.process.poll() is not None, START_SECONDS)
        self.process.send_signal(number)
        return self.wait()

    def end(self) -> None:
        """Nothing is left of it, however the test ended."""
        self.process.kill()
        self.process.communicate()

    def wait(self) -> tuple[int, str]:
        said, _ = self.process.communicate(timeout=4 * START_SECONDS)
        return self.process.returncode, said


@pytest.fixture
def leakdrill() -> Iterator[Callable[..., Running]]:
    started: list[Running] = []

    def start(*arguments: object) -> Running:
        started.append(Running(*arguments))
        return started[-1]

    yield start
    for running in started:
        running.end()


def finished(run_dir: Path) -> list[Path]:
    return list((run_dir / CELLS).glob("*/results.json"))


def await_that(holds: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def processes_of(run_dir: Path) -> Iterator[str]:
    """The commands of all processes that work for a run: its jobs, and their parties."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:  # it has just ended
            continue
        if str(run_dir) in command and path.parent.name != str(os.getpid()):
            yield command


@pytest.mark.timeout(1800)
@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="looks for orphans in /proc")
def test_a_sweep_that_is_stopped_and_killed_at_random_cells_ends_as_if_it_had_not_been(
    leakdrill: Callable[..., Running], parties: LocalParties, tmp_path: Path
) -> None:
    grid = {"seed": [1, 2, 3], "attacks": ["gap", "entropy"], "defences": ["none", "top_k", "rounding", "temperature"]}
    sweep, whole, cut = tiny(tmp_path, grid=grid), tmp_path / "whole", tmp_path / "cut"
    play(load_scenario(sweep), whole, parties)

    drawn = int(os.environ.get("LEAKDRILL_KILL_SEED", "7"))
    interrupted, killed = sorted(random.Random(drawn).sample(range(1, 20), 2))  # of 24
    print(f"seed {drawn}: interrupted after {interrupted} cells, killed after {killed}")

    code, said = leakdrill("run", sweep, "--jobs", 2, "--out", cut).kill_after(interrupted, cut, signal.SIGINT)
    assert code == 130, said
    assert f"resume with: leakdrill resume {cut}" in said
    assert list(processes_of(cut)) == []

    code, said = leakdrill("resume", cut, "--jobs", 2).kill_after(killed, cut, signal.SIGKILL)
    assert code == -signal.SIGKILL, said
    assert killed <= len(finished(cut)) < 24
    await_that(lambda: not list(processes_of(cut)), LEAVE_SECONDS)  # parties do not outlive their referee

    before = {path: path.stat().st_mtime_ns for path in finished(cut)}
    code, said = leakdrill("resume", cut).wait()
    assert code == 0, said
    assert "24 of 24 cells done" in said
    assert all(path.stat().st_mtime_ns == then for path, then in before.items())  # what was done is not done again
    assert_the_same(whole, cut, num_cells=24)
    assert len(list((cut / "models" / "cbig").glob("*/meta.json"))) == 3  # one for each seed


@pytest.mark.timeout(1800)
@pytest.mark.skipif(find_spec("ray") is None, reason="Ray is not installed: pip install 'leakdrill[ray]'")
def test_ray_finds_the_same_to_the_last_bit(leakdrill: Callable[..., Running], in_turn: Path, tmp_path: Path) -> None:
    code, said = leakdrill("run", tiny(tmp_path), "--ray", "local", "--jobs", 2, "--out", tmp_path / "run").wait()
    assert code == 0, said
    assert_the_same(in_turn, tmp_path / "run", num_cells=4)
