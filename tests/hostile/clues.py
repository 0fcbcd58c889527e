"""What else the adversary can reach: what it was told, its command line, environment, volume, log, and /proc.

Text is kept by where it was found; numbers for each example (an array of the challenge's length, a list of places in
it) become columns at once.
"""

import contextlib
import json
import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tap
from seen import Columns

MAX_FILES = 2000
END_BYTES = 64 << 10  # read of a file: so much of its head, and of its tail
_PROC = ("status", "limits", "mountinfo", "cgroup", "maps")
_NOT_OURS = ("/proc", "/sys", "/usr", "/lib", "/bin", "/opt", "/dev/pts")


def told() -> dict[str, str]:
    """What the referee said: every message but the examples themselves, and every call's own facts."""
    texts: dict[str, str] = {}
    for number, call in enumerate(tap.CALLS):
        name = f"{call.method.rpartition('/')[2]} {number}"
        messages = call.messages[:1] if call.method == tap.PROVISION else call.messages
        texts[name] = " ".join(raw.decode("utf-8", "replace") for _, raw in messages)
        texts[f"metadata of {name}"] = f"{call.metadata} {call.peer}"
    return texts


def surroundings(look_in: tuple[str, ...]) -> dict[str, str]:
    """The process and its volume, and what lies below the folders of `look_in`."""
    texts = {
        "command line": " ".join(sys.argv),
        "environment": "\n".join(f"{name}={value}" for name, value in sorted(os.environ.items())),
        "process": f"{os.getpid()} {os.getppid()} {os.getuid()} {os.uname()} {os.getcwd()}",
        "threads": " ".join(thread.name for thread in threading.enumerate()),
        "open files": " ".join(_open_files()),
    }
    for path in files(look_in):
        with contextlib.suppress(OSError):
            facts = path.stat()
            times = f"{facts.st_mtime_ns} {facts.st_ctime_ns} {facts.st_mtime:.0f} {facts.st_ctime:.0f}"
            texts[f"facts of {path}"] = f"{facts.st_size} {facts.st_ino} {times}"
            texts[str(path)] = _ends(path).decode("utf-8", "replace")
    for name in _PROC:
        with contextlib.suppress(OSError):
            texts[f"/proc/self/{name}"] = Path("/proc/self", name).read_text()
    return texts


def _ends(path: Path) -> bytes:
    with path.open("rb") as file:
        head = file.read(END_BYTES)
        file.seek(max(file.tell(), path.stat().st_size - END_BYTES))
        return head + file.read(END_BYTES)


def _open_files() -> Iterator[str]:
    for link in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            yield os.readlink(link)


def files(look_in: tuple[str, ...]) -> list[Path]:
    """Every file below the folders that its command line names (home, credentials, its log), then below `look_in`.

    At most MAX_FILES of them.
    """
    options = [Path(argument).resolve() for argument in sys.argv[1:] if argument.startswith("/")]
    folders = [root if root.is_dir() else root.parent for root in options] + [Path(folder) for folder in look_in]
    found = dict.fromkeys(path for folder in folders for path in _below(folder))
    return list(found)[:MAX_FILES]


def _below(folder: Path) -> Iterator[Path]:
    for where, below, names in os.walk(folder):
        below[:] = sorted(name for name in below if not os.path.join(where, name).startswith(_NOT_OURS))
        yield from (path for name in sorted(names) if (path := Path(where, name)).is_file())


def columns(texts: dict[str, str], look_in: tuple[str, ...], num_examples: int) -> Columns:
    """Whatever has a value for each example: arrays and lists of that length, lists of places, a folder of files."""
    found: Columns = {}
    for name, text in texts.items():
        with contextlib.suppress(ValueError):
            found |= _of_json(name, json.loads(text[text.index("{") : text.rindex("}") + 1]), num_examples)
    by_folder: dict[Path, list[Path]] = {}
    for path in files(look_in):
        by_folder.setdefault(path.parent, []).append(path)
        if path.suffix == ".npy":
            with contextlib.suppress(OSError, ValueError):  # not ours to read, or no array
                found |= _of_array(path.name, np.load(path, mmap_mode="r", allow_pickle=False), num_examples)
    for folder, paths in by_folder.items():
        if len(paths) == num_examples:
            facts = [path.stat() for path in paths]
            for field in ("st_mtime_ns", "st_ctime_ns", "st_ino", "st_size"):
                values = [getattr(each, field) for each in facts]
                found[f"{field} in {folder.name}"] = np.array(values, float) - min(values)
    return found


def _of_json(name: str, value: Any, num_examples: int) -> Columns:
    if isinstance(value, dict):
        parts = [_of_json(f"{name}.{key}", each, num_examples) for key, each in value.items()]
        return {key: column for part in parts for key, column in part.items()}
    if isinstance(value, list) and value and all(isinstance(each, int | float) for each in value):
        return _of_array(name, np.array(value), num_examples)
    return {}


def _of_array(name: str, values: Any, num_examples: int) -> Columns:
    if values.ndim == 0 or values.dtype.kind not in "buif":
        return {}
    if len(values) == num_examples:
        return {f"{name}[:]": np.asarray(values, float).reshape(num_examples, -1)[:, 0]}
    if values.ndim == 1 and values.dtype.kind in "ui" and values.min() >= 0 and values.max() < num_examples:
        return {f"in {name}": np.isin(np.arange(num_examples), values).astype(float)}
    return {}
