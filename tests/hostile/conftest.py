"""What the tests of spies share."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from collecting import SCENARIO

from leakdrill.datasets.digits import Digits
from leakdrill.referee.local import LocalParties, party_command

SPYING_ADVERSARY = Path(__file__).with_name("spying_adversary.py")


@pytest.fixture(scope="module")
def spied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalParties]:
    """Parties whose adversary is a spy."""
    with LocalParties(tmp_path_factory.mktemp("hostile"), _command) as parties:
        yield parties


def _command(party: str) -> list[str]:
    return [sys.executable, str(SPYING_ADVERSARY)] if party == "adversary" else party_command(party)


@pytest.fixture(scope="session")
def people_scenario(tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], dict[str, Any]]:
    """A scenario of so many 'people' of eight photos, half of whom are in: digits, cut up."""

    def make(num_people: int, num_photos: int = 8) -> dict[str, Any]:
        root = tmp_path_factory.mktemp("data") / "people"
        for number, file in enumerate(Digits(set="digits").open().encoded(range(num_people * num_photos))):
            person = root / f"person{number // num_photos:03d}"
            person.mkdir(parents=True, exist_ok=True)
            (person / f"{number}.png").write_bytes(file)
        splits = {"source_train": num_photos - 2, "source_test": 1, "source_validation": 1}
        challenge = {"members_by": "identity", "per_class": 3}
        data = {"set": "image_folder", "root": str(root), "image_size": 16, "splits": splits, "challenge": challenge}
        return SCENARIO | {"data": data}

    return make
