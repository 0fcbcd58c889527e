"""Who is a member: kept in the referee's own folder, readable by its owner only, and sent to nobody."""

import os
import secrets
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Truth:
    """What decides the game. `is_member` (N,) bool, in the order of the challenge."""

    split_key: str
    is_member: NDArray[np.bool_]
    labels: NDArray[np.int64]

    def save(self, directory: Path) -> None:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(directory / "truth.npz", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            np.savez(file, split_key=np.array(self.split_key), is_member=self.is_member, labels=self.labels)

    @classmethod
    def load(cls, directory: Path) -> "Truth":
        with np.load(directory / "truth.npz", allow_pickle=False) as saved:
            return cls(str(saved["split_key"]), saved["is_member"], saved["labels"])


def fresh_split_key() -> str:
    """128 bits. With a key that stood in the scenario, anyone could make the split again."""
    return secrets.token_hex(16)
