"""One party as a process of this machine: started apart from the terminal, watched, and made to leave."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from leakdrill.errors import PartyUnavailable
from leakdrill.logs import readable

LEAVE_SECONDS = 5.0
TERMINATE_SECONDS = 2.0
TAIL_LINES = 15
POLL_SECONDS = 0.02

# All that a party's environment holds: nothing about the scenario or the truth, and no proxy between the parties.
_INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "LD_LIBRARY_PATH")
_INHERITED_PREFIXES = ("OMP_", "MKL_", "OPENBLAS_")  # which kernels the maths libraries pick: the same for all
_DEVICE_PREFIXES = ("CUDA_", "NVIDIA_", "PYTORCH_")  # which GPUs there are, and how their memory is had
ONE_THREAD = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


class PartyProcess:
    """The process of `party`, started as it is made; `root` has its home/, credentials/, party.log and ready.json."""

    def __init__(self, party: str, root: Path, command: Sequence[str]) -> None:
        self.party = party
        self._log_file = root / "party.log"
        self._ready_file = root / "ready.json"
        self._ready_file.unlink(missing_ok=True)
        self._popen = self._spawn(root, command)

    @property
    def pid(self) -> int:
        """Of the process, and of the group that holds it and its own workers."""
        return self._popen.pid

    @property
    def is_running(self) -> bool:
        return self._popen.poll() is None

    def ports(self) -> dict[str, int] | None:
        """Where each of its listeners serves; None until they do."""
        return json.loads(self._ready_file.read_text()) if self._ready_file.exists() else None

    def check(self, otherwise: str) -> None:
        """Raise PartyUnavailable, "<party> <otherwise>" and the end of its log, when the process has exited."""
        if not self.is_running:
            raise PartyUnavailable(f"{self.party} {otherwise} ({self._how_it_ended()}); {self.last_lines()}")

    def last_lines(self) -> str:
        written = self._log_file.read_text(encoding="utf-8", errors="replace").splitlines()[-TAIL_LINES:]
        lines = [part for line in written for part in readable(line).splitlines()][-TAIL_LINES:]
        return "\n    ".join([f"last lines of {self._log_file}:", *lines]) if lines else f"{self._log_file} is empty"

    def close_stdin(self) -> None:
        """Tell the process that nobody needs it any longer."""
        if self._popen.stdin:
            self._popen.stdin.close()

    def terminate(self) -> None:
        self._popen.terminate()

    def kill(self) -> None:
        """Kill the process, and the workers it may have left behind."""
        with suppress(ProcessLookupError, PermissionError):  # macOS denies signals to a group of the dead
            os.killpg(self.pid, signal.SIGKILL)
        self._popen.wait()

    def _spawn(self, root: Path, command: Sequence[str]) -> subprocess.Popen[bytes]:
        home, credentials = root / "home", root / "credentials"
        options = {"--home": home, "--credentials": credentials, "--ready": self._ready_file}
        arguments = [str(part) for option in options.items() for part in option]
        with self._log_file.open("ab") as output:
            return subprocess.Popen(
                [*command, *arguments],
                stdin=subprocess.PIPE,  # held open while the referee lives: a party exits when it closes
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=home,
                env=_environment(),
                start_new_session=True,  # Ctrl-C reaches the referee alone, which stops the parties in order
            )

    def _how_it_ended(self) -> str:
        code = self._popen.returncode
        return f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"


def stop_all(processes: Sequence[PartyProcess]) -> None:
    """Ask all to leave, then insist."""
    try:
        for process in processes:
            process.close_stdin()
        if still_there := _still_running(processes, LEAVE_SECONDS):
            for process in still_there:
                process.terminate()
            _still_running(still_there, TERMINATE_SECONDS)
    finally:  # also after a second Ctrl-C
        for process in processes:
            process.kill()


def _still_running(processes: Sequence[PartyProcess], seconds: float) -> list[PartyProcess]:
    """Those that have not exited after at most so many seconds."""
    deadline = time.monotonic() + seconds
    while (running := [process for process in processes if process.is_running]) and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
    return running


def _environment() -> dict[str, str]:
    kept = {
        name for name in os.environ if name in _INHERITED or name.startswith(_INHERITED_PREFIXES + _DEVICE_PREFIXES)
    }
    return {name: os.environ[name] for name in sorted(kept)} | ONE_THREAD
