"""Drills whose referee and parties are processes that a signal can kill, forked from one that has imported everything.

Importing is most of what a tiny drill costs, and here it is done once. A line on the standard input is the folder of a
run, which is begun there, or resumed; the referee tells on the standard output, in JSON lines, who is who, and what it
comes to, and waits for a line after each. `python zygote.py SCENARIO.json SPLIT_KEY`
"""

import json
import os
import sys
import time
from importlib import import_module
from pathlib import Path
from typing import Any

import torch

from leakdrill.archs import build
from leakdrill.archs.small_cnn import SmallCnn
from leakdrill.errors import PartyUnavailable
from leakdrill.network.identity import Authority, Credentials
from leakdrill.parties import launch
from leakdrill.referee.console import SilentObserver
from leakdrill.referee.drill import Drill
from leakdrill.referee.local import PARTIES
from leakdrill.scenario.schema import Scenario

READY_SECONDS = 120.0
INPUT = open(0, "rb", buffering=0)  # noqa: SIM115  # for as long as the process lives


def say(**words: Any) -> None:
    os.write(1, (json.dumps(words) + "\n").encode())


class ForkedParties:
    """Made while the process has a single thread. A party leaves when the referee does: its standard input closes."""

    def __init__(self, run_dir: Path) -> None:
        self.root = run_dir.resolve() / "parties"
        self.logs = str(self.root)
        authority = Authority.create()
        for name in (*PARTIES, "referee"):
            authority.issue(name, self.root / name / "credentials")
        self.credentials = Credentials.load(self.root / "referee" / "credentials")
        self.held: list[int] = []
        self.pids = {party: self._fork(party) for party in PARTIES}
        self.addresses = {}
        for party in PARTIES:
            for listener, port in self._ports(party).items():
                self.addresses[f"{party}/{listener}"] = f"127.0.0.1:{port}"

    def check(self) -> None:
        for party, pid in self.pids.items():
            if os.waitpid(pid, os.WNOHANG)[0]:
                raise PartyUnavailable(f"{party} died")

    def renew_certificates(self) -> bool:
        return False

    def _fork(self, party: str) -> int:
        root = self.root / party
        home, ready = root / "home", root / "ready.json"
        home.mkdir(exist_ok=True)
        ready.unlink(missing_ok=True)
        reading, writing = os.pipe()
        if pid := os.fork():
            os.close(reading)
            self.held.append(writing)
            return pid
        log = os.open(root / "party.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        for source, target in ((reading, 0), (log, 1), (log, 2)):
            os.dup2(source, target)
        for descriptor in (*self.held, writing):
            os.close(descriptor)
        sys.stdin = open(0)  # noqa: SIM115
        sys.argv = [party, "--home", str(home), "--credentials", str(root / "credentials"), "--ready", str(ready)]
        module = import_module(f"services.{party}.__main__")
        try:
            launch.main(party, module.listeners, has_successors=party == "adversary")
        finally:
            os._exit(1)

    def _ports(self, party: str) -> dict[str, int]:
        ready, deadline = self.root / party / "ready.json", time.monotonic() + READY_SECONDS
        while not ready.exists():
            self.check()
            if time.monotonic() > deadline:
                raise PartyUnavailable(f"{party} was not ready within {READY_SECONDS:g} s")
            time.sleep(0.005)
        ports: dict[str, int] = json.loads(ready.read_text())
        return ports


class Telling(SilentObserver):
    """Tells of every step that begins, and of the first progress in each."""

    def __init__(self) -> None:
        self.has_told = False

    def step(self, index: int, total: int, description: str) -> None:
        self.has_told = False
        self._tell(step=index)

    def progress(self, party: str, fraction: float, message: str) -> None:
        if not self.has_told:
            self.has_told = True
            self._tell(progress=party)

    def _tell(self, **words: Any) -> None:
        say(**words)
        INPUT.readline()


def referee(run_dir: Path) -> None:
    parties, observer = ForkedParties(run_dir), Telling()
    say(pids={**parties.pids, "referee": os.getpid()})
    INPUT.readline()
    if (run_dir / "journal.jsonl").exists():
        drill = Drill.resume(run_dir, observer, parties)
    else:
        scenario = Scenario.model_validate_json(Path(sys.argv[1]).read_text())
        drill = Drill(scenario, out=run_dir, observer=observer, parties=parties, split_key=sys.argv[2])
    with drill:
        found = drill.run()
    say(verdict=found.verdict, error=found.error)


def main() -> None:
    torch.set_num_threads(1)
    # the last is what PyTorch imports for the first step of an optimizer, which takes longer than all of these drills
    for module in (*launch.FOR_SUCCESSORS, *(f"services.{party}.__main__" for party in PARTIES), "torch._dynamo"):
        import_module(module)
    with torch.no_grad():  # what PyTorch sets up for the first convolution, and keeps
        build(SmallCnn(), 2, seed=0)(torch.zeros(1, 3, 16, 16))
    while line := INPUT.readline():
        if not (pid := os.fork()):
            try:
                referee(Path(line.decode().strip()))
            finally:
                os._exit(0)
        os.waitpid(pid, 0)
        say(gone=True)


if __name__ == "__main__":
    main()
