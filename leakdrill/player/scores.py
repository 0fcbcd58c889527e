"""scores.csv as a player hands it in: checked, and put into the order of the challenge.

Columns: `id`, `score` (higher = more likely a member) and, if the player cares to say, `decision` (1: member).
"""

import csv
import io
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from leakdrill.attacks.base import Verdict
from leakdrill.errors import InvalidInput
from leakdrill.seeds import derive

HEADERS = (["id", "score"], ["id", "score", "decision"])
MAX_ROW_BYTES = 100  # an id of 16 characters, a number, a decision, and room
NUM_SHOWN = 3


def opaque_ids(split_key: str, num_examples: int) -> list[str]:
    """What the examples of a challenge are called outside, by their position; they say nothing of it."""
    return [f"{derive(split_key, 'player', 'id', str(position)):016x}" for position in range(num_examples)]


def max_bytes(num_examples: int) -> int:
    """Of a file of scores; a longer one is none."""
    return (num_examples + 1) * MAX_ROW_BYTES


def read_scores(content: bytes, ids: Sequence[str]) -> Verdict:
    """The scores and decisions in a file's `content`, in the order of `ids`.

    Without decisions, the half with the higher scores is called members, as near to half as ties allow: half of a
    challenge are. Raises InvalidInput for anything but one finite score for each id.
    """
    rows = _rows(content)
    _check_ids([row.values[0] for row in rows], ids)
    by_id = {row.values[0]: row for row in rows}
    in_order = [by_id[each] for each in ids]
    scores = np.array([_score(row) for row in in_order], np.float64)
    has_decisions = all(len(row.values) == 3 for row in in_order)
    decisions = np.array([_decision(row) for row in in_order], np.bool_) if has_decisions else upper_half(scores)
    return Verdict(scores, decisions)


def upper_half(scores: NDArray[np.float64]) -> NDArray[np.bool_]:
    """(N,): those above the median or, where that is nearer to half of them, from the median on."""
    median = np.median(scores)
    above: NDArray[np.bool_] = scores > median
    from_it: NDArray[np.bool_] = scores >= median
    return min(above, from_it, key=lambda called: abs(float(called.mean()) - 0.5))


class _Row(NamedTuple):
    line: int  # in the file, from 1
    values: list[str]


def _rows(content: bytes) -> list[_Row]:
    try:
        reader = csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""), strict=True)
        lines = [_Row(reader.line_num, [cell.strip() for cell in row]) for row in reader if row]
    except (UnicodeDecodeError, csv.Error) as error:
        raise InvalidInput(f"the scores are no CSV in UTF-8 ({error}): write lines such as 3f0c...,0.5") from error
    header, *rows = lines or [_Row(1, [])]
    if header.values not in HEADERS:
        raise InvalidInput(
            f"the scores begin with {','.join(header.values)[:60]!r}: make the first line id,score or id,score,decision"
        )
    for line, values in rows:
        if len(values) != len(header.values):
            raise InvalidInput(
                f"line {line} of the scores is {','.join(values)[:60]!r}, wanted {len(header.values)} values, as the "
                "first line says"
            )
    return rows


def _check_ids(given: Sequence[str], wanted: Sequence[str]) -> None:
    counts, known = Counter(given), set(wanted)
    for what, ids, remedy in (
        ("unknown", [each for each in counts if each not in known], "take them from challenge.npz of this very run"),
        ("duplicate", [each for each, count in counts.items() if count > 1], "give each example one score"),
        ("missing", [each for each in wanted if each not in counts], "give every example a score, 0 if you know none"),
    ):
        if ids:
            shown = ", ".join(repr(each[:20]) for each in ids[:NUM_SHOWN])
            others = f" and {len(ids) - NUM_SHOWN:,} more" if len(ids) > NUM_SHOWN else ""
            raise InvalidInput(f"the scores have {len(ids):,} {what} ids, {shown}{others}: {remedy}")


def _score(row: _Row) -> float:
    text = row.values[1]
    try:
        score = float(text)
    except ValueError:
        score = np.nan
    if not np.isfinite(score):
        raise InvalidInput(f"line {row.line} of the scores has {text[:20]!r}, wanted a finite number: give it, say, 0")
    return score


def _decision(row: _Row) -> bool:
    text = row.values[2]
    if text not in ("0", "1"):
        raise InvalidInput(
            f"line {row.line} of the scores decides {text[:20]!r}, wanted 1 for a member and 0 for any other"
        )
    return text == "1"


def to_csv(ids: Iterable[str], scores: Iterable[float]) -> bytes:
    """A file that read_scores takes, each score to its last bit."""
    lines = ["id,score", *(f"{each},{score!r}" for each, score in zip(ids, scores, strict=True))]
    return ("\n".join(lines) + "\n").encode()
