"""Who is a member, and what decides it: in files that their owner alone may read, and sent to nobody."""

import io
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from leakdrill import whole

if TYPE_CHECKING:
    from leakdrill.scenario.schema import Scenario


@dataclass(frozen=True)
class Truth:
    """What decides the game: is_member (N,) bool and labels (N,) int64, in the order of the challenge."""

    is_member: NDArray[np.bool_]
    labels: NDArray[np.int64]

    def save(self, directory: Path) -> None:
        arrays = io.BytesIO()
        np.savez(arrays, is_member=self.is_member, labels=self.labels)
        whole.write(_private(directory) / "challenge.npz", arrays.getvalue(), whole.PRIVATE)


def fresh_split_key() -> str:
    """128 bits. With a key that stood in the scenario, anyone could make the split again."""
    return secrets.token_hex(16)


def save_split_key(directory: Path, split_key: str) -> None:
    whole.write(_private(directory) / "split_key", split_key.encode(), whole.PRIVATE)


def settle_split_key(directory: Path, split_key: str) -> str:
    """The key that is there, or from now on `split_key`: of several processes that come at once, one has its way."""
    return whole.settle(_private(directory) / "split_key", split_key.encode(), whole.PRIVATE).decode()


def load_split_key(directory: Path) -> str:
    return (directory / "split_key").read_text()


def save_scenario(run_dir: Path, scenario: "Scenario") -> None:
    """With the key that it pins, if it does, so that the run can be played again."""
    whole.write(_private(run_dir) / "scenario.json", scenario.model_dump_json(indent=2).encode(), whole.PRIVATE)


def _private(directory: Path) -> Path:
    """The folder, its owner's alone where it has yet to be made."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    return directory
