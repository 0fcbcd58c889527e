"""Noise that is fresh at every question is the same again where a run is taken up, or goes on from another."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from predict_api import IMAGE_SIZE, NUM_CLASSES, photos, predict_api

from leakdrill.archs import SmallCnn, build
from leakdrill.data.forms import ImageForm
from leakdrill.defences import OutputNoise, guard
from leakdrill.network.identity import Credentials
from leakdrill.oracles.remote import RemoteOracle
from leakdrill.parties.ledger import Ledger
from leakdrill.parties.publish import publish
from tests.defences.answers import owner


def asked(ledger: Ledger, times: int, folder: Path, credentials: dict[str, Credentials]) -> list[NDArray[np.generic]]:
    """The same eight images asked about so often, at an API that has just started."""
    noisy = guard([OutputNoise(eta=0.5, fresh=True)], owner(folder, NUM_CLASSES))
    model = build(SmallCnn(), NUM_CLASSES, 1).eval()
    with predict_api(credentials["cbig"], ledger) as api:
        api.models["source"] = publish("source", model, NUM_CLASSES, ImageForm(IMAGE_SIZE), ["scores"], noisy)
        with RemoteOracle("cbig/source", api.address, credentials["adversary"], scope="an attack") as oracle:
            return [oracle.query(photos(8)) for _ in range(times)]


def test_it_goes_on_where_it_was_and_what_is_paid_is_answered_as_it_was(
    credentials: dict[str, Credentials], tmp_path: Path
) -> None:
    def begun(spent: int = 0) -> Ledger:
        ledger = Ledger(tmp_path / f"ledger-{spent}")
        ledger.open("run", spent_before={"source": spent})
        return ledger

    first, second, third = asked(Ledger(), 3, tmp_path, credentials)
    assert len({answer.tobytes() for answer in (first, second, third)}) == 3
    np.testing.assert_array_equal(asked(begun(), 2, tmp_path, credentials), [first, second])
    started_anew = begun()
    np.testing.assert_array_equal(asked(started_anew, 3, tmp_path, credentials), [first, second, third])
    assert started_anew.counts() == {("adversary", "source", "scores"): 24}
    np.testing.assert_array_equal(asked(begun(spent=16), 1, tmp_path, credentials), [third])


def test_each_allowance_has_noise_of_its_own_and_the_referee_is_counted_apart() -> None:
    ledger = Ledger()
    ledger.open("fork", spent_before={"source": 30})
    assert ledger.charge("adversary", "source", "scores", 5) == 30
    assert ledger.charge("adversary", "source", "label", 5) == 35
    assert ledger.charge("referee", "source", "scores", 7) == 0
    assert ledger.charge("referee", "source", "scores", 7) == 7
    starts = set()
    for fold in ("attack/0/0", "attack/0/1"):
        ledger.allot(fold)
        starts.add(ledger.charge("adversary", "source", "scores", 5))
    assert len(starts) == 2
    assert min(starts) > 1000
