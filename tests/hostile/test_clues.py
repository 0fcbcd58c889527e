"""What the spy makes of a volume and of what it was told; a careless store or message would look like these."""

import json
import os
import sys
from pathlib import Path

import clues
import guesses
import numpy as np
import pytest

from leakdrill.data import splits
from leakdrill.datasets.digits import Digits
from leakdrill.scenario.data import Data

NUM_EXAMPLES = 6


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A party's own disk, as its command line names it."""
    monkeypatch.setattr(sys, "argv", ["adversary", "--home", str(tmp_path)])
    return tmp_path


def test_a_folder_with_a_file_for_each_example_gives_their_times_away(home: Path) -> None:
    for number in range(NUM_EXAMPLES):
        path = home / "challenge" / f"{number}.png"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(bytes(number))
        os.utime(path, ns=(0, 10**18 + 10**9 * (number % 2)))
    found = clues.columns({}, (), NUM_EXAMPLES)
    assert found["st_mtime_ns in challenge"].tolist() == [0, 10**9] * 3
    assert found["st_size in challenge"].tolist() == [0, 1, 2, 3, 4, 5]


def test_an_array_with_a_row_for_each_example_is_a_column(home: Path) -> None:
    np.save(home / "order.npy", np.arange(NUM_EXAMPLES)[::-1])
    assert clues.columns({}, (), NUM_EXAMPLES)["order.npy[:]"].tolist() == [5, 4, 3, 2, 1, 0]


def test_a_list_in_a_message_is_a_column_whether_of_values_or_of_places(home: Path) -> None:
    config = json.dumps({"drill_id": "x", "view": {"weights": [1, 0, 1, 0, 1, 0.5], "first": [0, 4]}})
    found = clues.columns({"Configure 0": f"\n\x40{config}"}, (), NUM_EXAMPLES)
    assert found["Configure 0.view.weights[:]"].tolist() == [1, 0, 1, 0, 1, 0.5]
    assert found["in Configure 0.view.first"].tolist() == [1, 0, 0, 0, 1, 0]


def test_what_lies_elsewhere_is_found_when_the_spy_may_look_there(
    home: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "note.txt").write_text("the key is 00ff00ff00ff00ff")
    assert "00ff00ff00ff00ff" not in guesses_of(())
    assert "00ff00ff00ff00ff" in guesses_of((str(elsewhere),))


def guesses_of(look_in: tuple[str, ...]) -> set[str]:
    clues.tap.CALLS[:] = [clues.tap.Call(clues.tap.CONFIGURE, "", "", 0, 0.0)]
    return set(guesses.guesses(clues.surroundings(look_in)).values())


def test_a_key_in_a_file_says_who_is_a_member(home: Path) -> None:
    data = Data.model_validate(
        {
            "set": "digits",
            "splits": {"source_train": 9, "source_test": 9, "source_validation": 1},
            "target": {"classes": 2, "train": 1, "test": 1},
        }
    )
    cards = splits.deal(data, "5eed5eed5eed5eed")
    places = cards.splits["challenge"].indices
    (home / "old.log").write_text('dealt with {"key": "5eed5eed5eed5eed"}')
    clues.tap.CALLS[:] = [clues.tap.Call(clues.tap.CONFIGURE, "", "", 0, 0.0)]
    found = guesses.columns(clues.surroundings(()), (), data, Digits(set="digits").open(), places)
    assert np.array_equal(found["a key that fits"] > 0, cards.is_member)
