"""Small worlds of people: answers gather around each person, and tell, or do not, who was in, or has an attribute."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from leakdrill.attacks.base import View
from leakdrill.contract.worlds import ARCH, Answer, LocalOracle, World, images
from leakdrill.data.examples import Examples
from leakdrill.errors import BudgetExhausted
from leakdrill.models.embedding import normalised
from leakdrill.models.training import softmax
from leakdrill.oracles.oracle import Output

NUM_PEOPLE = 200


class LocalPairs:
    """A verification API in this process: counts pairs, and stops at its budget."""

    def __init__(self, embeddings: Answer, budget: int | None = None) -> None:
        self.name = "csmall/verification"
        self.outputs: frozenset[Output] = frozenset({"distance"})
        self.num_asked = 0
        self._embeddings = embeddings
        self._budget = budget
        self._enrolled: list[NDArray[np.float32]] = []

    def enrol(self, images: NDArray[np.uint8]) -> NDArray[np.int64]:
        first = len(self._enrolled)
        self._enrolled += list(self._embeddings(images))
        return np.arange(first, len(self._enrolled))

    def distances(
        self, first: NDArray[np.uint8], second: NDArray[np.uint8], output: Output = "distance"
    ) -> NDArray[np.float32]:
        return self.distances_of(self.enrol(first), self.enrol(second), output)

    def distances_of(
        self, first: NDArray[np.int64], second: NDArray[np.int64], output: Output = "distance"
    ) -> NDArray[np.float32]:
        self.num_asked += len(first)
        if self._budget is not None and self.num_asked > self._budget:
            raise BudgetExhausted(f"asked for {self.num_asked} of {self._budget}")
        known = np.stack(self._enrolled)
        distances: NDArray[np.float32] = np.linalg.norm(known[first] - known[second], axis=1)
        return distances


def _apis(
    drawn: dict[bytes, NDArray[np.float64]], signs: NDArray[np.float64], budget: int | None
) -> tuple[dict[str, LocalOracle], dict[str, LocalPairs]]:
    """csmall's three APIs on what was drawn for each image; recognition scores the first numbers, by their sign."""

    def embeddings(inputs: NDArray[np.uint8]) -> NDArray[np.float32]:
        return normalised(np.stack([drawn[image.tobytes()] for image in inputs]))

    def scores(inputs: NDArray[np.uint8]) -> NDArray[np.float32]:
        return softmax(2 * embeddings(inputs)[:, : len(signs)] * signs.astype(np.float32))

    oracles = {
        "csmall/features": LocalOracle("csmall/features", 0, embeddings, budget, frozenset({"embedding"})),
        "csmall/recognition": LocalOracle("csmall/recognition", len(signs), scores, budget),
    }
    return oracles, {"csmall/verification": LocalPairs(embeddings, budget)}


def world_of_people(source: Literal["memoriser", "null"], photos: int = 2, budget: int | None = None) -> World:
    """NUM_PEOPLE with a few photos each, half of them the source's, and answers that gather around each person.

    memoriser: those about the source's people lie closer together. null: all people are alike. As many other people,
    half of them the source's too, are those of whom the adversary is told.
    """
    generator = np.random.default_rng(21)
    drawn: dict[bytes, NDArray[np.float64]] = {}

    def people() -> tuple[Examples, NDArray[np.bool_]]:
        everyone = images(generator, photos, NUM_PEOPLE)
        is_inside = generator.permutation(NUM_PEOPLE) < NUM_PEOPLE // 2
        centres = generator.normal(size=(NUM_PEOPLE, 12))
        widths = np.where(is_inside, 0.1, 0.3) if source == "memoriser" else np.full(NUM_PEOPLE, 0.2)
        for image, label in zip(everyone.inputs, everyone.labels, strict=True):
            drawn[image.tobytes()] = centres[label] + widths[label] * generator.normal(size=12)
        return everyone, is_inside[everyone.labels]

    everyone, is_member = people()
    order = generator.permutation(len(everyone))
    told, is_labelled_member = people()
    oracles, pairs = _apis(drawn, np.ones(6), budget)
    view = View(
        challenge=everyone.take(order),
        num_classes=NUM_PEOPLE // 2,
        oracles=oracles,
        pairs=pairs,
        seed=5,
        architecture=ARCH,
        labelled_members=told.take(np.flatnonzero(is_labelled_member)),
        labelled_non_members=told.take(np.flatnonzero(~is_labelled_member)),
    )
    return World(view, is_member[order])


def world_of_attributes(source: Literal["memoriser", "null"], budget: int | None = None) -> World:
    """People as in `world_of_people`, half of whom have an attribute, the truth here, as half of those told of have.

    memoriser: answers about those who have it lie elsewhere. null: they say nothing of it.
    """
    generator = np.random.default_rng(23)
    drawn: dict[bytes, NDArray[np.float64]] = {}

    def people(num: int, photos: int) -> tuple[Examples, NDArray[np.bool_]]:
        everyone = images(generator, photos, num)
        has_it = generator.permutation(num) < num // 2
        centres = generator.normal(size=(num, 12)) + (source == "memoriser") * np.where(has_it, 1, -1)[:, None]
        for image, label in zip(everyone.inputs, everyone.labels, strict=True):
            drawn[image.tobytes()] = centres[label] + 0.2 * generator.normal(size=12)
        return everyone, has_it[everyone.labels]

    challenge, has_it = people(NUM_PEOPLE, 2)
    auxiliary, is_told = people(200, 1)
    references, _ = people(10, 1)
    oracles, pairs = _apis(drawn, np.array([1, 1, 1, -1, -1, -1]), budget)
    order = generator.permutation(len(challenge))
    view = View(
        challenge=challenge.take(order),
        num_classes=NUM_PEOPLE // 2,
        oracles=oracles,
        pairs=pairs,
        seed=5,
        architecture=ARCH,
        auxiliary=Examples(auxiliary.inputs, is_told.astype(np.int64)),
        references=references,
    )
    return World(view, has_it[order])
