"""The parties as local processes: started together, watched, and stopped whatever happens to the referee.

Local parties share one user and one file system, so nothing but good manners keeps the adversary from the referee's
truth: local runs are for trying, containers for claims.
"""

import logging
import os
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from leakdrill.errors import PartyUnavailable
from leakdrill.network.identity import Authority, Credentials
from leakdrill.referee.process import POLL_SECONDS, PartyProcess, stop_all
from leakdrill.shipped import SERVICES

log = logging.getLogger(__name__)

PARTIES = ("cbig", "csmall", "adversary")
REFEREE = "referee"
HOST = "127.0.0.1"
OPEN_TO_ALL = ("cbig", "csmall")  # those with a public listener
START_SECONDS = 600.0  # importing torch three times at once on a busy machine takes its time


def party_command(party: str) -> list[str]:
    """-P: a directory called `services` or `leakdrill` where the user happens to stand must not be taken for ours."""
    return [sys.executable, "-P", "-m", f"{SERVICES}.{party}"]


class LocalParties:
    """cbig, csmall and the adversary as processes on this machine, each with a directory under `run_dir`/parties.

        parties/<party>/{home/, credentials/, party.log, ready.json}     parties/referee/credentials/

    `models`: where their trained models are kept instead, for each party in a folder of its own, so that several
    incarnations of a party share what it has trained; a party's home has a link to its own folder, and to no other's.

    `public_host`: where the public APIs answer, for callers on other machines; `callers`: who, beside the parties, gets
    a certificate to ask them with, in parties/<caller>/credentials/.

    A context manager; `start` and `stop` by hand will do as well. It can be started again after a stop: the homes stay,
    the certificates are made anew.
    """

    def __init__(
        self,
        run_dir: Path,
        command: Callable[[str], Sequence[str]] = party_command,
        start_seconds: float = START_SECONDS,
        models: Path | None = None,
        public_host: str = HOST,
        callers: Sequence[str] = (),
    ) -> None:
        self.addresses: dict[str, str] = {}  # "cbig/public" -> "127.0.0.1:port", once started
        self._root = run_dir.resolve() / "parties"
        self._command = command
        self._start_seconds = start_seconds
        self._models = models.resolve() if models else None
        self._public_host = public_host
        self._callers = callers
        self._processes: list[PartyProcess] = []

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def credentials(self) -> Credentials:
        """The referee's own."""
        return Credentials.load(self.credentials_dir(REFEREE))

    @property
    def logs(self) -> str:
        """Where a person finds what the parties said."""
        return f"{self._root}/*/party.log"

    def credentials_dir(self, party: str) -> Path:
        return self._root / party / "credentials"

    def start(self) -> None:
        """Start all parties and wait until they serve.

        Raises PartyUnavailable, with the end of its log, when one exits or is late; the others are then stopped.
        """
        self._issue()
        if self._models is not None:
            self._share(self._models)
        with ExitStack() as undo:
            undo.callback(self.stop)
            for party in PARTIES:
                command = [*self._command(party), *self._listen(party)]
                self._processes.append(PartyProcess(party, self._root / party, command))
            self._await_ready()
            undo.pop_all()
        log.info("the parties serve at %s", self.addresses)

    def renew_certificates(self) -> bool:
        """In the parties' folders; each takes its own up when it is told to."""
        self._issue()
        return True

    def _issue(self) -> None:
        """Certificates of an authority whose key is then forgotten.

        The public address is in those of who answers there alone: with another's, which a player may hold, nobody can
        pass for an API. Callers only call.
        """
        authority = Authority.create()
        local = ["localhost", HOST]
        public = list(dict.fromkeys([*local, self._public_host]))
        for party in (*PARTIES, REFEREE, *self._callers):
            for private in (self._root / party, self._root / party / "home", self.credentials_dir(party)):
                private.mkdir(parents=True, exist_ok=True)
                private.chmod(0o700)
            serves_at = public if party in (*OPEN_TO_ALL, REFEREE) else [] if party in self._callers else local
            authority.issue(party, self.credentials_dir(party), serves_at)

    def check(self) -> None:
        """Raise PartyUnavailable, with the end of its log, when a party has exited."""
        for process in self._processes:
            process.check(otherwise="died")

    def stop(self) -> None:
        """Stop all parties. Does nothing when they are stopped already."""
        processes, self._processes, self.addresses = self._processes, [], {}
        stop_all(processes)

    def _listen(self, party: str) -> list[str]:
        """Options that move a party's public listener to where it is wanted."""
        is_moved = self._public_host != HOST and party in OPEN_TO_ALL
        return ["--listen", f"public={self._public_host}:0"] if is_moved else []

    def _host(self, listener: str) -> str:
        return self._public_host if listener == "public" else HOST

    def _share(self, models: Path) -> None:
        for party in PARTIES:
            own, link = models / party, self._root / party / "home" / "models"
            own.mkdir(mode=0o700, parents=True, exist_ok=True)
            target = os.path.relpath(own, link.parent)  # so that a run's folder can be moved, and copied
            if link.is_symlink() and os.readlink(link) != target:
                link.unlink()
            if not link.exists():
                link.symlink_to(target)

    def _await_ready(self) -> None:
        deadline = time.monotonic() + self._start_seconds
        waiting = list(self._processes)
        while waiting:
            for process in list(waiting):
                process.check(otherwise="did not start")
                if ports := process.ports():
                    self.addresses |= {
                        f"{process.party}/{name}": f"{self._host(name)}:{port}" for name, port in ports.items()
                    }
                    waiting.remove(process)
            if waiting and time.monotonic() > deadline:
                late = waiting[0]
                raise PartyUnavailable(
                    f"{late.party} was not ready within {self._start_seconds:g} s; {late.last_lines()}"
                )
            time.sleep(POLL_SECONDS)
