"""What a referee leaves out of a public data set, part of which the adversary is dealt, says nothing of who is in.

The other data set has copies of all of cbig's people, under other names and saved anew. Whether one is missing from
auxiliary_faces, of which the adversary knows what there would be, must not hang on the split key.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import seen
from collecting import Evidence, by_identity
from detectors import best_column, is_at_chance, tells, verdicts
from PIL import Image

from leakdrill.data.splits import Deal, Split, deal
from leakdrill.scenario.data import Data

NUM_PEOPLE, NUM_PHOTOS, NUM_OWN = 32, 8, 4  # of the other data set's people each has photos of its own, too
NUM_DEALS = 4  # the second half is judged: 64 people


def photo(person: int, number: int) -> Image.Image:
    """Two of one person are not the same photo, but closer than any two people's."""
    base, change = (np.random.default_rng([person, seed]).normal(128, 60, (8, 8, 3)) for seed in (0, 1 + number))
    mixed = np.clip(0.6 * base + 0.4 * change, 0, 255).astype(np.uint8)
    return Image.fromarray(mixed).resize((32, 32), Image.Resampling.BILINEAR)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Data:
    root = tmp_path_factory.mktemp("data")
    for person in range(NUM_PEOPLE):
        mine, theirs = root / "cbig" / f"person{person:02d}", root / "other" / f"somebody{person:02d}"
        mine.mkdir(parents=True)
        theirs.mkdir(parents=True)
        for number in range(NUM_PHOTOS):
            photo(person, number).save(mine / f"{number}.png")
            photo(person, number).resize((48, 48)).save(theirs / f"{number}.jpg", quality=90)
        for number in range(NUM_OWN):
            photo(100 + person, number).save(theirs / f"own{number}.png")
    written: dict[str, Any] = {
        "set": "image_folder",
        "root": root / "cbig",
        "image_size": 32,
        "splits": {"source_train": NUM_PHOTOS - 2, "source_test": 1, "source_validation": 1},
        "target": {"classes": 2, "train": 1, "test": 1, "dataset": {"set": "image_folder", "root": root / "other"}},
        "auxiliary_faces": {"classes": NUM_PEOPLE - 2, "per_class": NUM_OWN},
        "challenge": {"members_by": "identity", "per_class": 3},
    }
    return Data.model_validate(written)


def seen_by_the_adversary(cards: Deal) -> Evidence:
    challenge = cards.splits["challenge"]
    near = seen.near_a_pool(
        "auxiliary_faces", *(_grey(cards.splits[name]) for name in ("challenge", "auxiliary_faces"))
    )
    return Evidence({"label": challenge.labels.astype(float)} | near, challenge.indices, cards.is_member)


def _grey(split: Split) -> np.ndarray:
    return seen.grey([file for file, _ in split.encoded()])


def compared_with_what_was_dealt(cards: Deal) -> Deal:
    """A mistake: of members all photos were dealt, of the others only the challenge's: copies of the rest stay."""
    faces, outsiders = cards.splits["auxiliary_faces"], cards.splits["outsiders"]
    there, stays = faces.source, []
    for person in np.unique(outsiders.source.labels[outsiders.indices]).tolist():
        own = np.flatnonzero(outsiders.source.labels == person)
        copies = np.flatnonzero(there.labels == person)[: len(own)]  # files are sorted: copies first, in their order
        stays.append(copies[~np.isin(own, outsiders.indices)][:NUM_OWN])
    added = np.concatenate(stays)
    kept = faces.indices[~np.isin(there.labels[faces.indices], there.labels[added])]
    indices = np.concatenate([kept, added])
    return replace(cards, splits=cards.splits | {"auxiliary_faces": replace(faces, indices=indices, labels=indices)})


def games(data: Data, mistake: Callable[[Deal], Deal]) -> list[Evidence]:
    return by_identity([seen_by_the_adversary(mistake(deal(data, f"key {number}"))) for number in range(NUM_DEALS)])


def test_an_adversary_who_looks_for_what_is_missing_is_at_chance(data: Data) -> None:
    found = games(data, lambda cards: cards)
    assert is_at_chance(verdicts(found)), best_column(found)


def test_a_referee_who_compares_with_what_was_dealt_is_found_out(data: Data) -> None:
    assert tells(verdicts(games(data, compared_with_what_was_dealt)))
