"""Verification in a whole drill: calibrated on csmall's own photos, attacked, and tried on LFW's protocol."""

import io
from itertools import combinations, product
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from sklearn.datasets import load_digits

from leakdrill import Drill
from leakdrill.data.splits import Deal, deal
from leakdrill.datasets.lfw_pairs import LfwPairs
from leakdrill.errors import ScenarioError
from leakdrill.referee.local import LocalParties
from leakdrill.referee.stage import check_deal
from leakdrill.referee.verifying import of_strangers
from leakdrill.scenario.data import Data
from leakdrill.scenario.schema import Scenario
from tests.small import SMALL, small

NUM_PHOTOS, NUM_PAIRS = 4, 6  # of each of two digits in a fold; the pairs of either sort there
DATA: dict[str, Any] = {
    "set": "digits",
    "image_size": 16,
    "splits": {"source_train": 20, "source_test": 5, "source_validation": 5},
    "target": {"classes": 4, "train": 5, "test": 5},
    "challenge": {"members_by": "identity", "per_class": 8},
}
PEOPLE: dict[str, Any] = {
    "set": "synthfaces",
    "classes": 6,
    "per_class": 6,
    "image_size": 32,
    "splits": {"source_train": 4, "source_test": 1, "source_validation": 1},
    "target": {"classes": 2, "train": 3, "test": 3},
}


@pytest.fixture
def protocol(tmp_path: Path) -> Path:
    """Digits as if they were people: five folds of two."""
    digits = load_digits()
    folder = tmp_path / "lfw-py" / "lfw-deepfunneled"
    lines = [f"5 {NUM_PAIRS}"]
    for digit in range(10):
        (folder / f"Digit_{digit}").mkdir(parents=True)
        for number, image in enumerate(digits.images[digits.target == digit][:NUM_PHOTOS], start=1):
            file = io.BytesIO()
            Image.fromarray((image * 15).astype("uint8")).convert("RGB").save(file, "PNG")
            (folder / f"Digit_{digit}" / f"Digit_{digit}_{number:04d}.jpg").write_bytes(file.getvalue())
    for one, other in zip(range(0, 10, 2), range(1, 10, 2), strict=True):
        lines += [f"Digit_{one} {first} {second}" for first, second in combinations(range(1, NUM_PHOTOS + 1), 2)]
        mixed = list(product(range(1, NUM_PHOTOS + 1), repeat=2))[:NUM_PAIRS]
        lines += [f"Digit_{one} {first} Digit_{other} {second}" for first, second in mixed]
    (tmp_path / "lfw-py" / "pairs.txt").write_text("\n".join(lines))
    return tmp_path


def scenario(root: Path, **csmall: Any) -> Scenario:
    return small(
        data=DATA | {"verification_pairs": {"root": str(root)}},
        csmall={"apis": ["verification"]} | csmall,
        timeline=[
            "train_source",
            "release",
            {"attack": {"kind": "class_based", "api": "verification", "measure": "mean"}},
        ],
        expect=[],
    )


def test_verification_is_calibrated_attacked_and_tried_on_the_protocol(
    protocol: Path, parties: LocalParties, tmp_path: Path
) -> None:
    with Drill(scenario(protocol), out=tmp_path / "run", parties=parties) as drill:
        results = drill.run()
    assert results.error is None
    own, lfw = results.verification["own photos"], results.verification["lfw"]
    assert (own.num_folds, own.num_pairs) == (10, 2 * 4 * 45)
    assert (lfw.num_folds, lfw.num_pairs) == (5, 2 * 5 * NUM_PAIRS)
    assert [(each.of, each.people, each.pairs) for each in results.exclusions] == [("data.verification_pairs", 0, 0)]
    assert ("teacher", "verification_pairs") in {overlap.sides for overlap in results.overlaps}
    assert own.accuracy > 0.5  # 0.56 to 0.64 over a dozen keys
    for tried in (own, lfw):
        assert 0 < tried.threshold < 2
        assert tried.threshold_deviation < 0.5
    (attack,) = results.attacks
    assert attack.queries == {"csmall/enrolment": 6 * 8, "csmall/verification": 6 * 28}


@pytest.fixture
def copied(tmp_path: Path) -> Deal:
    """A deal of synthetic people, of whom 16 photos of the teacher's are a protocol: larger, under other names."""
    cards = deal(Data.model_validate(PEOPLE), "key")
    folder = tmp_path / "lfw-py" / "lfw-deepfunneled"
    files = [file for file, _ in cards.splits["source_train"].encoded()]
    for number, file in enumerate(files[:16]):
        person = folder / f"Other_{number // 4}"
        person.mkdir(parents=True, exist_ok=True)
        larger = Image.open(io.BytesIO(file)).convert("RGB").resize((96, 96))
        larger.save(person / f"{person.name}_{number % 4 + 1:04d}.jpg")
    lines = ["2 6"]
    for one, other in ((0, 1), (2, 3)):
        lines += [f"Other_{one} {first} {second}" for first, second in combinations(range(1, 5), 2)]
        lines += [f"Other_{one} {photo} Other_{other} {photo}" for photo in (1, 2, 3, 4, 1, 2)]
    (tmp_path / "lfw-py" / "pairs.txt").write_text("\n".join(lines))
    return cards


def test_a_protocol_that_copies_of_cbigs_photos_leave_empty_is_refused_at_the_start(
    copied: Deal, tmp_path: Path
) -> None:
    data = PEOPLE | {"verification_pairs": {"root": str(tmp_path)}}
    played = small(data=data, csmall={"apis": ["verification"]}, timeline=["train_source", "release"], expect=[])
    with pytest.raises(ScenarioError, match=r"^0 of 24 .* the 0 people .* by name, and the 16 photos that look like"):
        check_deal(played, "key")


def test_cbigs_photos_are_looked_at_in_an_order_that_says_nothing_of_members(
    copied: Deal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, asked = copied.splits["source_train"].source, list[int]()
    read = source.encoded
    monkeypatch.setattr(source, "encoded", lambda rows: asked.extend(rows) or read(rows))
    with pytest.raises(ScenarioError, match="are left"):
        of_strangers(LfwPairs(root=tmp_path).open(), copied)
    assert asked == sorted({int(row) for split in copied.splits.values() for row in split.indices})


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"csmall": {"apis": ["features"]}}, "add verification to csmall.apis"),
        ({"csmall": {"apis": ["verification"], "verification": {"outputs": ["same"]}}}, "distance to csmall.verif"),
        ({"timeline": ["train_source"]}, "release to the timeline"),
        ({"data": SMALL["data"] | {"target": {"classes": 2, "train": 1, "test": 1}}}, "fewer than the 10 pairs"),
        (
            {"csmall": {"apis": ["features", "recognition"], "api": {"defences": [{"kind": "top_k"}]}}},
            "top_k, which can defend scores as it is set, but not the embedding that the features API answers with",
        ),
        (
            {"csmall": {"apis": ["verification"], "api": {"defences": [{"kind": "rounding", "decimals": 3}]}}},
            "rounding, which can defend scores as it is set, but not the distance",
        ),
    ],
)
def test_what_cannot_be_played_is_refused_before_anything_is(protocol: Path, changes: Any, says: str) -> None:
    given = {"data": DATA, "csmall": {"apis": ["verification"]}, "timeline": ["train_source", "release"], "expect": []}
    given |= changes
    given["data"] = given["data"] | {"verification_pairs": {"root": str(protocol)}}
    with pytest.raises(ValueError, match=says):
        small(**given)


@pytest.mark.parametrize(("party", "num_classes"), [("cbig", 7), ("csmall", 3)])
def test_a_top_k_beyond_the_classes_is_refused_before_the_drill(tmp_path: Path, party: str, num_classes: int) -> None:
    defended = {"api": {"defences": [{"kind": "top_k", "k": num_classes + 1}]}}
    with (
        pytest.raises(ScenarioError, match=f"k={num_classes + 1}, but {party} answers with {num_classes} classes"),
        Drill(small(**{party: SMALL[party] | defended}), out=tmp_path / "run"),
    ):
        pass
