"""A process and its successors, for which a small program stands."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from leakdrill.parties.succession import SUCCEEDED, wipe

WAIT_SECONDS = 120  # on a busy machine
PROGRAM = """
import os, sys, time
from pathlib import Path
from leakdrill.parties.succession import SUCCEEDED, generations

home, turns, memory = Path(sys.argv[1]), Path(sys.argv[2]), []
generations(home, lambda: None)
memory.append(1)
with turns.open("a") as out:
    print(os.getpid(), len(memory), sorted(path.name for path in home.iterdir()), file=out)
(home / "models").mkdir()
(home / "models" / "weights").write_text("learned")
(home / "audit.jsonl").touch()
if sys.argv[3] == "wait":
    print("ready", flush=True)
    time.sleep(600)
os._exit(SUCCEEDED if len(turns.read_text().splitlines()) < 3 else int(sys.argv[3]))
"""


def start(where: Path, how: str) -> subprocess.Popen[bytes]:
    (where / "home").mkdir()
    command = [sys.executable, "-c", PROGRAM, str(where / "home"), str(where / "turns"), how]
    return subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True)


def test_a_successor_remembers_nothing_and_finds_the_audit_log_alone(tmp_path: Path) -> None:
    with start(tmp_path, "3") as process:
        assert process.wait(WAIT_SECONDS) == 3
    turns = [line.split(" ", 1) for line in (tmp_path / "turns").read_text().splitlines()]
    assert len({pid for pid, _ in turns}) == 3
    assert [rest for _, rest in turns] == ["1 []", "1 ['audit.jsonl']", "1 ['audit.jsonl']"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_who_stops_the_process_stops_the_party_in_it(tmp_path: Path, number: signal.Signals) -> None:
    with start(tmp_path, "wait") as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        os.kill(process.pid, number)
        assert process.wait(WAIT_SECONDS) == -number
        assert process.stdout.read() == b""  # nobody holds the other end any longer


def test_what_is_wiped_is_all_but_audit_logs_and_not_what_links_lead_to(tmp_path: Path) -> None:
    home, elsewhere = tmp_path / "home", tmp_path / "elsewhere"
    for folder in (home / "splits" / "challenge", elsewhere):
        folder.mkdir(parents=True)
        (folder / "kept").touch()
    (home / "link").symlink_to(elsewhere)
    (home / "audit-0123.jsonl").touch()
    wipe(home)
    assert [path.name for path in home.iterdir()] == ["audit-0123.jsonl"]
    assert (elsewhere / "kept").exists()
    assert SUCCEEDED != 0
