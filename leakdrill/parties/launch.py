"""Starts a party as a process: its options, its listeners, and when it leaves."""

import argparse
import asyncio
import contextlib
import fcntl
import json
import os
import resource
import shutil
import signal
import stat
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from importlib import import_module
from pathlib import Path

import torch

from leakdrill import logs, whole
from leakdrill.network.audit import AuditLog
from leakdrill.network.guard import Guard
from leakdrill.network.identity import Credentials
from leakdrill.network.policy import Policy
from leakdrill.network.rpc import Listener, Serving, serve
from leakdrill.parties.party import Party
from leakdrill.parties.store import SplitStore
from leakdrill.parties.succession import SUCCEEDED, generations
from leakdrill.parties.telemetry import MetricsServer

MAX_FILES = 1 << 16  # a connection is one, and a caller may hold many: a shell's usual 1,024 are soon gone

FOR_SUCCESSORS = ("scipy.stats", "sklearn.decomposition", "sklearn.ensemble", "sklearn.mixture", "sklearn.svm")

Listeners = Callable[[Party], Sequence[Listener]]


def main(name: str, listeners: Listeners, has_successors: bool = False) -> None:
    """Run party `name` until it is asked to stop, or until its standard input, if that is a pipe, closes.

    `listeners(party)` are its doors. The pipe is held open by a referee that started the party, so that no party
    outlives its referee. `has_successors`: when the party leaves its place (Party.leave), a fresh process takes it.
    """
    args = _arguments(name)
    logs.to_stderr(name)
    _allow_many_files()
    _alone_at(args.home)
    if has_successors:
        generations(args.home, lambda: _before_a_successor(args))
    torch.set_num_threads(1)  # the same scores bit for bit, and no party slows another more than it must
    asyncio.run(_serve(name, args, listeners))


def _arguments(name: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog=f"services.{name}", description=f"The party {name} of a drill.")
    parser.add_argument("--home", type=Path, required=True, help="the party's own disk")
    parser.add_argument("--credentials", type=Path, required=True, help="folder with ca.pem, cert.pem, key.pem")
    parser.add_argument(
        "--listen",
        type=_listen,
        action="append",
        default=[],
        metavar="LISTENER=HOST:PORT[,HOST:PORT]",
        help="where a listener answers: public=10.0.0.2:8001; default: a free port of 127.0.0.1",
    )
    parser.add_argument(
        "--metrics",
        default="127.0.0.1:0",
        metavar="HOST:PORT",
        help="where Prometheus may scrape, over mutual TLS; default: a free port of 127.0.0.1",
    )
    parser.add_argument("--ready", type=Path, help="JSON file of ports, written once the party serves")
    return parser.parse_args()


def _listen(option: str) -> tuple[str, tuple[str, ...]]:
    name, equals, addresses = option.partition("=")
    if not equals or not all(address.rpartition(":")[2].isdecimal() for address in addresses.split(",")):
        raise argparse.ArgumentTypeError(f"got {option!r}, wanted LISTENER=HOST:PORT")
    return name, tuple(addresses.split(","))


async def _serve(name: str, args: argparse.Namespace, listeners: Listeners) -> None:
    credentials = Credentials.load(args.credentials)
    _scratch_at_home(args.home)
    guard = Guard(name, Policy.load(), AuditLog(args.home / "audit.jsonl"))
    party = Party(name, args.home, credentials, guard, SplitStore(args.home / "splits"))
    serving = await serve(party.guard, _placed(listeners(party), dict(args.listen)), credentials)
    metrics = MetricsServer(party, args.credentials, args.metrics)
    party.renew = partial(_renew, party, serving, metrics, args.credentials)
    if args.ready:
        whole.write(args.ready, json.dumps({**serving.ports, "metrics": metrics.port}).encode())
    await _until_told_to_stop(party.leaving)
    await serving.stop()
    code = SUCCEEDED if party.leaving.is_set() else 0
    os._exit(code)  # a compute thread in the middle of a training must not delay the stop


def _renew(party: Party, serving: Serving, metrics: MetricsServer, directory: Path) -> None:
    credentials = Credentials.load(directory)
    party.credentials = serving.credentials = credentials
    metrics.renew(directory)
    party.guard.trust_only(credentials)


def _before_a_successor(args: argparse.Namespace) -> None:
    """It finds imported what the attacks import when they need it: there may be a hundred successors in a drill."""
    for module in FOR_SUCCESSORS:
        import_module(module)
    _keep_ports(args)


def _keep_ports(args: argparse.Namespace) -> None:
    """A successor answers where the one before it did."""
    ports = json.loads(args.ready.read_text()) if args.ready else {}
    if (metrics := ports.pop("metrics", None)) and args.metrics.endswith(":0"):
        args.metrics = args.metrics.removesuffix("0") + str(metrics)
    args.listen += [(name, (f"127.0.0.1:{port}",)) for name, port in ports.items() if name not in dict(args.listen)]


def _alone_at(home: Path) -> None:
    """Waits until whoever had this disk before is gone, and holds it to the end: of this process, and its successors.

    The parties of a referee that was killed take a moment to leave, and the run may be resumed before.
    """
    home.mkdir(parents=True, exist_ok=True)
    fcntl.flock(os.open(home, os.O_RDONLY), fcntl.LOCK_EX)  # of the folder itself, which nobody wipes


def _allow_many_files() -> None:
    """As many open files as the system lets this process have, within reason."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = MAX_FILES if hard == resource.RLIM_INFINITY else min(hard, MAX_FILES)
    with contextlib.suppress(ValueError, OSError):  # macOS has a limit of its own, which it does not tell
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, most), hard))


def _scratch_at_home(home: Path) -> None:
    """Temporary files, of worker processes too, go to the party's own disk; the next start removes what is left."""
    scratch = home / "scratch"
    shutil.rmtree(scratch, ignore_errors=True)  # of a process that was killed
    scratch.mkdir(parents=True)
    os.environ["TMPDIR"] = tempfile.tempdir = str(scratch)


def _placed(listeners: Sequence[Listener], addresses: dict[str, tuple[str, ...]]) -> list[Listener]:
    """The listeners at the addresses asked for."""
    names = {listener.name for listener in listeners}
    if unknown := addresses.keys() - names:
        sys.exit(f"--listen: no listener {sorted(unknown)}, only {sorted(names)}")
    return [replace(each, addresses=addresses.get(each.name, each.addresses)) for each in listeners]


async def _until_told_to_stop(leaving: asyncio.Event) -> None:
    loop, stopped = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    if not sys.stdin.closed and stat.S_ISFIFO(os.fstat(sys.stdin.fileno()).st_mode):
        loop.add_reader(sys.stdin.fileno(), lambda: stopped.set() if not os.read(sys.stdin.fileno(), 1024) else None)
    events = [asyncio.create_task(event.wait()) for event in (stopped, leaving)]
    await asyncio.wait(events, return_when=asyncio.FIRST_COMPLETED)
