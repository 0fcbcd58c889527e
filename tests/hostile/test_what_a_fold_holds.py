"""What a fold's adversary holds: nothing of its challenge but photos, and nothing of the folds before it."""

from pathlib import Path

import numpy as np
import pytest
from small import SMALL, small

from leakdrill.parties.store import SplitStore
from leakdrill.referee.drill import Drill
from leakdrill.referee.in_folds import AdversarySeat
from leakdrill.referee.local import LocalParties

pytestmark = pytest.mark.slow


def test_what_lies_on_a_fold_adversarys_disk_is_of_its_own_fold_and_says_nothing_of_its_challenge(
    parties: LocalParties, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scenario = small(
        data=SMALL["data"]
        | {
            "splits": {"source_train": 12, "source_test": 6, "source_validation": 2},
            "challenge": {"members_by": "identity", "per_class": 6},
        },
        cbig={"source_model": {"arch": {"kind": "resnet8", "width": 8}, "fit": {"epochs": 1}}},
        csmall={"apis": ["features"]},
        adversary={"knows": {"shadow_examples": False, "labelled_identities": 4}, "workers": 1},
        timeline=["train_source", "release", {"attack": {"kind": "first_cut", "folds": 3}}],
        expect=[],
    )
    seen: list[dict[str, set[bytes]]] = []
    seat = AdversarySeat._seat

    def spied(self: AdversarySeat, who: object, is_breached: bool) -> None:
        seat(self, who, is_breached)  # type: ignore[arg-type]
        store = SplitStore(parties.credentials_dir("adversary").parent / "home" / "splits")
        held = {name: store.read(name) for name in store.held()}
        seen.append({name: {image.tobytes() for image in split.inputs} for name, split in held.items()})
        for split in held.values():  # names begin anew in every split, so they link none to another
            assert set(np.unique(split.labels)) == set(range(len(np.unique(split.labels))))

    monkeypatch.setattr(AdversarySeat, "_seat", spied)
    with Drill(scenario, out=tmp_path / "run", parties=parties) as drill:
        assert drill.run().error is None
    *folds, afterwards = seen
    assert len(folds) == 3
    for held in folds:
        assert set(held) == {"challenge", "labelled_members", "labelled_non_members"}
        told = held["labelled_members"] | held["labelled_non_members"]
        assert not held["challenge"] & told
        assert len(held["challenge"]) == 2 * 6
    assert set(afterwards) == {"challenge"}
    assert set().union(*(held["challenge"] for held in folds)) == afterwards["challenge"]
