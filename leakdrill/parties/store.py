"""A party's own disk: each split it was dealt, decoded once into a memory map that training reads at random.

ROOT/<split>/inputs.npy   (N, S, S, 3) uint8, or (N, F) float32
ROOT/<split>/labels.npy   (N,) int64
ROOT/<split>/digest.txt   what was dealt, so that it need not be dealt again
"""

import re
import shutil
import tempfile
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from leakdrill.data.digests import SplitDigest
from leakdrill.data.examples import Examples
from leakdrill.data.forms import Form
from leakdrill.errors import InvalidInput, NotFound

SPLIT_NAME = re.compile(r"[a-z_]+")
UNFINISHED = ".unfinished-"


class SplitStore:
    """The splits under `root`, which belongs to this one process."""

    def __init__(self, root: Path) -> None:
        self._root = root
        root.mkdir(parents=True, exist_ok=True)
        for leftover in root.glob(f"{UNFINISHED}*"):  # of a process that was killed while it wrote
            shutil.rmtree(leftover)

    def write(self, split: str, form: Form, digest: str, num_examples: int, files: Iterable[tuple[bytes, int]]) -> int:
        """Decode `files` and labels, one at a time, into the split's memory map; return its size in bytes.

        Replaces what the split held. Whatever goes wrong, the split is there whole or not at all. Raises InvalidInput,
        naming the example's number (from 0), for one that is not of the form, and when the files are not those
        announced by `num_examples` and `digest` (SplitDigest).
        """
        where = self._path(split)
        with tempfile.TemporaryDirectory(prefix=UNFINISHED, dir=self._root) as name:
            part = Path(name) / split
            part.mkdir()
            received = SplitDigest(form)
            labels = _write_inputs(part / "inputs.npy", split, form, num_examples, _taken_in(files, received))
            if received.hexdigest() != digest:
                raise InvalidInput(f"split {split!r} is not what its digest {digest!r} announced: deal it again")
            np.save(part / "labels.npy", labels)
            (part / "digest.txt").write_text(digest)
            shutil.rmtree(where, ignore_errors=True)  # a crash between the two leaves the split undealt, never mixed
            part.rename(where)
        return (where / "inputs.npy").stat().st_size + (where / "labels.npy").stat().st_size

    def read(self, split: str) -> Examples:
        """The split, its inputs a read-only memory map. Raises NotFound when it was not dealt."""
        where = self._path(split)
        if not where.is_dir():
            raise NotFound(f"split {split!r} was not dealt to this party, which holds {sorted(self.held())}")
        inputs = np.load(where / "inputs.npy", mmap_mode="r", allow_pickle=False)
        return Examples(inputs, np.load(where / "labels.npy", allow_pickle=False))

    def keep_only(self, splits: Collection[str]) -> None:
        """Deletes what an earlier drill dealt and this one does not."""
        for split in self.held().keys() - set(splits):
            shutil.rmtree(self._path(split))

    def held(self) -> dict[str, str]:
        """The digest of each split held."""
        names = sorted(path.name for path in self._root.iterdir() if SPLIT_NAME.fullmatch(path.name))
        return {name: (self._root / name / "digest.txt").read_text() for name in names}

    def _path(self, split: str) -> Path:
        if not SPLIT_NAME.fullmatch(split):
            raise InvalidInput(f"a split's name is small letters and underscores, got {split[:80]!r}")
        return self._root / split


def _taken_in(files: Iterable[tuple[bytes, int]], digest: SplitDigest) -> Iterator[tuple[bytes, int]]:
    for file, label in files:
        digest.add(file, label)
        yield file, label


def _write_inputs(
    path: Path, split: str, form: Form, num_examples: int, files: Iterable[tuple[bytes, int]]
) -> NDArray[np.int64]:
    """Write the decoded examples as they come, and return the labels (N,).

    Through a file, not a writable memory map: on a full disk that is an error here, where a map kills the process.
    """
    labels: list[int] = []
    with path.open("wb") as out:
        _write_header(out, (num_examples, *form.shape), form.dtype)
        for number, (file, label) in enumerate(files):
            if number == num_examples:
                raise InvalidInput(f"split {split!r} has more than the {num_examples} examples announced")
            try:
                out.write(form.decode(file).tobytes())
            except InvalidInput as error:
                raise InvalidInput(f"example {number} of split {split!r}: {error}") from error
            labels.append(label)
    if len(labels) < num_examples:
        raise InvalidInput(f"split {split!r} ended after {len(labels)} of the {num_examples} examples announced")
    return np.array(labels, np.int64)


def _write_header(out: BinaryIO, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
    np.lib.format.write_array_header_1_0(out, {"descr": dtype.str, "fortran_order": False, "shape": shape})
