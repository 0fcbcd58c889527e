"""The referee tries csmall's verification on a public protocol's pairs, through the live API.

Its people are to be strangers to g_s: pairs with someone whom cbig trained on, by name, or with a photo that looks like
one of cbig's, are left out and counted.
"""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from leakdrill.data.duplicates import MAX_SOURCE, Hashes, hashes_of, is_comparable, look_alike, plain_name
from leakdrill.data.forms import ImageForm
from leakdrill.data.pictures import damage_by_name
from leakdrill.data.splits import Deal, Split
from leakdrill.datasets.lfw_pairs import PhotoPairs
from leakdrill.datasets.source import ExampleSource
from leakdrill.errors import ScenarioError
from leakdrill.models.training import Progress
from leakdrill.models.verification import Calibration, Pairs, calibrate
from leakdrill.oracles.pairs import PairOracle
from leakdrill.referee.overlap import names_of, teacher
from leakdrill.results import Exclusion

NUM_PHOTOS = 1024  # decoded at a time: 75 MiB at 160 pixels
PAIRS = "data.verification_pairs"


def of_strangers(given: PhotoPairs, cards: Deal) -> tuple[PhotoPairs, Exclusion]:
    """The pairs that are left, and what is not.

    Raises ScenarioError when what is left is no protocol: fewer than two folds, or pairs of one sort.
    """
    known = set[str]().union(*map(names_of, teacher(cards)))
    is_known = np.array([plain_name(name) in known for name in given.photos.classes], bool)
    is_out = is_known[given.photos.labels]
    num_alike = None
    own = _hashes_of_teacher(cards)
    theirs = hashes_of(given.photos.encoded(range(len(is_out)))) if own is not None else None
    if own is not None and theirs is not None:
        is_alike = look_alike(theirs, own)
        num_alike, is_out = int(is_alike.sum()), is_out | is_alike
    kept = ~(is_out[given.pairs.first] | is_out[given.pairs.second])
    all_pairs = given.pairs
    pairs = Pairs(all_pairs.first[kept], all_pairs.second[kept], all_pairs.is_same[kept], all_pairs.folds[kept])
    if len(np.unique(pairs.folds)) < 2 or len(np.unique(pairs.is_same)) < 2:
        raise ScenarioError(
            f"{len(pairs)} of {len(kept)} pairs of {PAIRS} are left without the {is_known.sum()} people whom cbig "
            f"trains on, by name, and the {num_alike or 0} photos that look like one of cbig's: give cbig other "
            "people, or leave the pairs out"
        )
    left_out = Exclusion(of=PAIRS, people=int(is_known.sum()), images=num_alike, pairs=int((~kept).sum()))
    return replace(given, pairs=pairs), left_out


def _hashes_of_teacher(cards: Deal) -> Hashes | None:
    """Of what cbig's model knows; None: too many, or too small.

    All that was dealt is read for it, in the data set's order: of files that were read before it is dealt, the
    adversary would get members' faster than others'.
    """
    own = teacher(cards)
    found = []
    for source in {id(split.source): split.source for split in own}.values():
        rows, of_teacher = _dealt_of(source, cards.splits.values()), _dealt_of(source, own)
        if not is_comparable(cards.form, len(rows), MAX_SOURCE):
            return None
        if (hashes := hashes_of(source.encoded(rows.tolist()))) is None:
            return None
        found.append(hashes[np.isin(rows, of_teacher)])
    return np.concatenate(found)


def _dealt_of(source: ExampleSource, splits: Iterable[Split]) -> NDArray[np.int64]:
    return np.unique(np.concatenate([split.indices for split in splits if split.source is source]))


def shown(given: PhotoPairs, form: ImageForm) -> Split:
    """The photos of these pairs."""
    rows = _photos(given.pairs)
    return Split(given.photos, rows, given.photos.labels[rows], form)


def verify(given: PhotoPairs, form: ImageForm, oracle: PairOracle, progress: Progress) -> Calibration:
    """Accuracy and threshold over the protocol's own folds. Every photo is sent once."""
    needed, handles = _photos(given.pairs), []
    for start in range(0, len(needed), NUM_PHOTOS):
        rows = needed[start : start + NUM_PHOTOS]
        split = Split(given.photos, rows, given.photos.labels[rows], form)
        with damage_by_name(split):
            images = np.stack([form.decode(file) for file, _ in split.encoded()])
        handles.append(oracle.enrol(images))
        progress((start + len(rows)) / len(needed), f"{start + len(rows):,} photos enrolled")
    enrolled = np.concatenate(handles)
    first, second = (np.searchsorted(needed, side) for side in (given.pairs.first, given.pairs.second))
    return calibrate(oracle.distances_of(enrolled[first], enrolled[second]), given.pairs)


def _photos(pairs: Pairs) -> NDArray[np.int64]:
    return np.unique(np.concatenate([pairs.first, pairs.second]))
