"""Clients that are not ours, as processes of their own: tritonclient, and the `buf curl` of the development tools."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

SCRIPT = Path(__file__).with_name("third_party.py")
BUF = Path(sys.executable).with_name("buf")
CLIENT_SECONDS = 200  # on a busy machine


def tritonclient(
    kind: str, address: str, credentials: Path, model: str, images: NDArray[np.uint8], scratch: Path
) -> dict[str, Any]:
    """The report of third_party.py."""
    np.save(scratch / "images.npy", images)
    arguments = [kind, address, credentials, model, scratch / "images.npy", scratch / "report.json"]
    _run([sys.executable, SCRIPT, *arguments], scratch)
    report: dict[str, Any] = json.loads((scratch / "report.json").read_text())
    return report


def buf_curl(credentials: Path, url: str, *options: str, scratch: Path) -> str:
    """What it printed; raises CalledProcessError, with what went wrong in `stderr`, when a call was refused."""
    tls = ["--cacert", credentials / "ca.pem", "--cert", credentials / "cert.pem", "--key", credentials / "key.pem"]
    # in a folder of its own: in ours, buf would take what it is not told by reflection from our protos
    return _run([BUF, "curl", *tls, "--protocol", "grpc", *options, f"https://{url}"], scratch)


def _run(command: list[Any], cwd: Path) -> str:
    done = subprocess.run(
        list(map(str, command)), cwd=cwd, capture_output=True, text=True, timeout=CLIENT_SECONDS, check=False
    )
    if done.returncode:
        raise subprocess.CalledProcessError(done.returncode, command, done.stdout, done.stderr)
    return done.stdout
