"""What MemGuard promises, as its callers see it: asked over gRPC, of a network that knows its members by heart."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from predict_api import IMAGE_SIZE, NUM_CLASSES, PredictApi, party_credentials, photos, predict_api
from torch import nn

from leakdrill.archs import SmallCnn, build
from leakdrill.data.examples import Examples
from leakdrill.data.forms import ImageForm
from leakdrill.defences import Guard, MemGuard, MemGuardStrongest, guard
from leakdrill.defences.base import Defence, Owner, Scores
from leakdrill.defences.membership import MembershipNetwork, fit_membership
from leakdrill.defences.memguard import mixing, noisy_scores
from leakdrill.models.cache import ModelCache
from leakdrill.models.fit import Fit
from leakdrill.models.training import fit_model, predict, softmax
from leakdrill.network.identity import Credentials
from leakdrill.oracles.remote import RemoteOracle
from leakdrill.parties.publish import publish

EPSILON = 0.1
FIT = Fit(epochs=15, batch_size=64, learning_rate=0.02, weight_decay=0, schedule="constant", precision="float32")
MEMBERS, OTHERS = photos(100, seed=1), photos(100, seed=2)
ASKED = np.concatenate([MEMBERS, photos(100, seed=3)])


@dataclass
class Asked:
    """One network's public APIs, asked about ASKED."""

    api: PredictApi
    credentials: dict[str, Credentials]
    network: nn.Sequential
    directory: Path

    def ask(self, output: str, *defences: Defence) -> NDArray[np.float32]:
        made = guard(defences, self.owner()) if defences else None
        self._publish(made)
        with RemoteOracle("cbig/source", self.api.address, self.credentials["adversary"]) as oracle:
            return oracle.query(ASKED, output)  # type: ignore[arg-type]

    def owner(self) -> Owner:
        return Owner(lambda: (self.scores(MEMBERS), self.scores(OTHERS)), {}, seed=5, cache=ModelCache(self.directory))

    def scores(self, images: NDArray[np.uint8]) -> Scores:
        return softmax(predict(self.network, images)).astype(np.float64)

    def _publish(self, made: Guard | None) -> None:
        form = ImageForm(IMAGE_SIZE)
        self.api.models["source"] = publish("source", self.network, NUM_CLASSES, form, ["scores", "label"], made)


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asked]:
    directory = tmp_path_factory.mktemp("memguard")
    network = build(SmallCnn(width=8, num_features=64), NUM_CLASSES, seed=3)
    labels = np.random.default_rng(0).integers(0, NUM_CLASSES, len(MEMBERS))
    fit_model(network, Examples(MEMBERS, labels), Fit(epochs=20, batch_size=16, learning_rate=0.05), seed=4)
    credentials = party_credentials(directory, "cbig", "adversary")
    with predict_api(credentials["cbig"]) as api:
        yield Asked(api, credentials, network, directory / "cache")


@pytest.mark.parametrize(
    "defence", [MemGuard(epsilon=EPSILON, fit=FIT), MemGuard(fit=FIT), MemGuardStrongest()], ids=repr
)
def test_every_answer_keeps_its_label_and_sums_to_one(asked: Asked, defence: Defence) -> None:
    undefended, scores = asked.ask("scores"), asked.ask("scores", defence)
    assert (scores != undefended).any(axis=1).mean() > 0.1
    assert (scores.argmax(axis=1) == undefended.argmax(axis=1)).all()
    assert np.abs(scores.sum(axis=1, dtype=np.float64) - 1).max() < 1e-6
    assert scores.min() >= 0
    assert asked.ask("label", defence).tobytes() == asked.ask("label").tobytes()


def test_the_expected_distortion_of_every_row_is_within_the_budget(asked: Asked) -> None:
    original, given = asked.scores(ASKED), asked.ask("scores", MemGuard(epsilon=EPSILON, fit=FIT))
    network = MembershipNetwork.of(fit_membership(asked.scores(MEMBERS), asked.scores(OTHERS), FIT, asked.owner().seed))
    noisy = noisy_scores(network, original)
    probabilities, distances = mixing(network, original, noisy, EPSILON), np.abs(noisy - original).sum(axis=1)
    assert (probabilities * distances <= EPSILON + 1e-12).all()
    assert (distances > EPSILON).any()  # or the budget would not bind
    # what is answered is the one or the other, and as often as the probabilities say
    is_noisy = np.abs(given - noisy).sum(axis=1) < np.abs(given - original).sum(axis=1)
    assert np.abs(given - np.where(is_noisy[:, np.newaxis], noisy, original)).max() < 1e-6
    is_told_apart = distances > 1e-4  # in single precision
    wanted = probabilities[is_told_apart]
    assert abs(is_noisy[is_told_apart].sum() - wanted.sum()) < 4 * np.sqrt((wanted * (1 - wanted)).sum())
    assert given.tobytes() == asked.ask("scores", MemGuard(epsilon=EPSILON, fit=FIT)).tobytes()
