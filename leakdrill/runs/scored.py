"""What the referee judged, read back from a run's folder: the scores of its attacks beside the truth.

The truth is in truth/challenge.npz, and each repeat of an attack in scores/<attack>-<repeat>.npz.
"""

import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from leakdrill.errors import InvalidInput, NotFound
from leakdrill.metrics import Judged
from leakdrill.referee import verdicts
from leakdrill.referee.folds import abstained
from leakdrill.referee.truth import Truth

#: What NumPy raises for an .npz that is damaged, or is none of ours.
_DAMAGED = (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile)


class Scored(NamedTuple):
    """An attack as it was judged, without the examples that it abstained from."""

    judged: Judged
    positions: NDArray[np.int64]  # in the challenge, of the examples that count
    units: NDArray[np.int64]  # what each row of `judged` is about: such a position, or a person's label


def truth_path(run_dir: Path) -> Path:
    return run_dir / "truth" / "challenge.npz"


def scores_path(run_dir: Path, attack: str, repeat: int) -> Path:
    return run_dir / "scores" / f"{attack}-{repeat}.npz"


def repeats_of(run_dir: Path, attack: str) -> list[Path]:
    """The files of the repeats that were played, in order. Raises NotFound when there is none."""
    numbers = [path.stem.removeprefix(f"{attack}-") for path in (run_dir / "scores").glob(f"{attack}-*.npz")]
    found = sorted(int(number) for number in numbers if number.isdigit())  # gap-0 is of gap, and gap-two-0 is not
    if not found:
        raise NotFound(f"{run_dir} has no scores of {attack}")
    return [scores_path(run_dir, attack, number) for number in found]


def read_truth(run_dir: Path) -> Truth:
    """Raises NotFound for a run that came without it, InvalidInput for a file that is damaged."""
    path = truth_path(run_dir)
    with _readable(path), np.load(path, allow_pickle=False) as arrays:
        return Truth(arrays["is_member"], arrays["labels"])


def read_scored(repeats: Sequence[Path], truth: Truth, of_people: bool) -> Scored:
    """What these files, at least one, say of an attack; `of_people`: whether whole people were judged.

    Raises NotFound where one is not there, InvalidInput for one that is damaged or is of another challenge.
    """
    said = []
    for path in repeats:
        with _readable(path):
            said.append(verdicts.load(path, {}))
    with _readable(repeats[0]):
        scores, decisions = (np.stack([getattr(each, name) for each in said]) for name in ("scores", "decisions"))
        judged = Judged(scores, decisions, truth.is_member, truth.labels)
        spoke = np.flatnonzero(~abstained(said))
        is_one_kind = len(np.unique(truth.is_member[spoke])) < 2  # abstentions are then overlooked, as by the judge
        positions = np.arange(len(truth.labels)) if is_one_kind else spoke
        judged = judged.take(positions)
        if of_people:
            judged = judged.of_classes()
        return Scored(judged, positions, judged.labels if of_people else positions)


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Raises NotFound and InvalidInput that name the file."""
    if not path.is_file():
        raise NotFound(f"{path} is not there")
    if not zipfile.is_zipfile(path):  # before NumPy has it, which would leave such a file open
        raise InvalidInput(f"{path} is cut off, or no .npz: wanted what the run has written there; copy it once more")
    try:
        yield
    except (*_DAMAGED, InvalidInput) as error:
        raise InvalidInput(
            f"{path} is damaged, or of another run ({error}): wanted what the run has written there"
        ) from error
