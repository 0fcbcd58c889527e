"""The hostile attack plug-in: it asks no model, and takes everything else that its process and volume hold.

What it found of each example goes home in the notes of its verdict, as columns; the referee of the test, who knows the
truth of earlier drills, teaches a classifier with them (detectors.py).
"""

import base64
import zlib
from functools import cache
from typing import Any, ClassVar, Literal

import clues
import guesses
import numpy as np
import seen
from numpy.typing import NDArray
from seen import Columns

from leakdrill.attacks.base import EITHER, Access, Attack, Folding, Verdict, Victim, View
from leakdrill.data import splits
from leakdrill.datasets import DatasetSpec
from leakdrill.datasets.source import ExampleSource
from leakdrill.scenario.data import Data

#: Splits in which a careless referee might show something of the challenge.
POOLS = ("shadow_train", "shadow_test", "labelled_members", "labelled_non_members", "auxiliary", "auxiliary_faces")


class Spy(Attack):
    """Everything but the models. `scenario` and `data`: the adversary knows the drill, but for its key."""

    kind: Literal["spy"] = "spy"
    victims: ClassVar[frozenset[Victim]] = EITHER
    data: Data
    scenario: str
    look_in: tuple[str, ...] = ()  # more folders that may hold something: "/" in a container
    folds: int = 0  # as many adversaries in turns, each told of some people and judged on others

    @property
    def needs(self) -> frozenset[Access]:
        return frozenset()

    @property
    def folding(self) -> Folding | None:
        return Folding(self.folds) if self.folds else None

    def run(self, view: View) -> Verdict:
        columns, places = self._collect()
        nothing = np.zeros(len(view.challenge))
        return Verdict(nothing, nothing.astype(bool), {"columns": list(columns), **packed(columns, places)})

    def _collect(self) -> tuple[Columns, NDArray[np.int64]]:
        examples = seen.dealt("challenge")
        images = seen.grey([example.file for example in examples])
        public, public_images = _public(self.data.dataset)
        places = seen.where_they_stand(images, public_images)
        told = {"scenario": self.scenario} | clues.told()
        texts = told | clues.surroundings(self.look_in)
        columns = seen.how_they_came(examples) | seen.how_they_are_encoded(examples) | seen.what_they_show(images)
        columns |= seen.their_neighbours(examples, places, public)
        for pool in POOLS:
            if held := seen.dealt(pool):
                columns |= seen.near_a_pool(pool, images, seen.grey([example.file for example in held]))
        columns |= clues.columns(texts, self.look_in, len(examples))
        # every guess of a key is tried, and those that are told may be wrong and still tell: that takes a deal for each
        outright = tuple(name for name in told if not self.folds or name.startswith("Configure"))
        columns |= guesses.columns(texts, outright, self.data, public, places)
        return columns, places


@cache
def _public(dataset: DatasetSpec) -> tuple[ExampleSource, NDArray[np.float64]]:
    """The data set that everybody has. Opened once, and dealt without second thoughts: a guess must be quick."""
    source = dataset.open()
    type(dataset).open = lambda self: source  # type: ignore[method-assign]  # no party here meets two of one kind
    splits.check_disjoint = lambda deal: None
    return source, seen.grey([*source.encoded(range(len(source.labels)))])


def packed(columns: Columns, places: NDArray[np.int64]) -> dict[str, Any]:
    values = np.stack([np.nan_to_num(column) for column in columns.values()]).astype("<f4")
    return {
        "values": base64.b64encode(zlib.compress(values.tobytes())).decode(),
        "places": places.tolist(),
    }


def unpacked(notes: dict[str, Any]) -> tuple[Columns, NDArray[np.int64]]:
    """What a spy's verdict says in its notes: columns by name, and each example's place in the public data set."""
    places = np.array(notes["places"])
    values = np.frombuffer(zlib.decompress(base64.b64decode(notes["values"])), "<f4").astype(float)
    return dict(zip(notes["columns"], values.reshape(-1, len(places)), strict=True)), places
