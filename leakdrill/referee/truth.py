"""Who is a member, and what decides it: in files that their owner alone may read, and sent to nobody."""

import contextlib
import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from leakdrill.scenario.schema import Scenario


@dataclass(frozen=True)
class Truth:
    """What decides the game: is_member (N,) bool and labels (N,) int64, in the order of the challenge."""

    is_member: NDArray[np.bool_]
    labels: NDArray[np.int64]

    def save(self, directory: Path) -> None:
        with _open_private(directory, "challenge.npz") as file:
            np.savez(file, is_member=self.is_member, labels=self.labels)


def fresh_split_key() -> str:
    """128 bits. With a key that stood in the scenario, anyone could make the split again."""
    return secrets.token_hex(16)


def save_split_key(directory: Path, split_key: str) -> None:
    with _open_private(directory, "split_key") as file:
        file.write(split_key.encode())


def settle_split_key(directory: Path, split_key: str) -> str:
    """The key that is there, or from now on `split_key`: of several processes that come at once, one has its way."""
    path = directory / "split_key"
    if not path.exists():
        own = f"split_key.{secrets.token_hex(4)}"
        with _open_private(directory, own) as file:
            file.write(split_key.encode())
        with contextlib.suppress(FileExistsError):
            os.link(directory / own, path)  # whole or not at all, and never over another's
        (directory / own).unlink()
    return load_split_key(directory)


def load_split_key(directory: Path) -> str:
    return (directory / "split_key").read_text()


def save_scenario(run_dir: Path, scenario: "Scenario") -> None:
    """With the key that it pins, if it does, so that the run can be played again."""
    with _open_private(run_dir, "scenario.json") as file:
        file.write(scenario.model_dump_json(indent=2).encode())


def _open_private(directory: Path, name: str) -> BinaryIO:
    """A file for writing that only its owner may read; so is its folder, where that has yet to be made."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    return os.fdopen(os.open(directory / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb")
