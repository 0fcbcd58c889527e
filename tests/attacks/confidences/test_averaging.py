"""Asking about each example several times, against noise that is drawn anew and against noise that is not."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from predict_api import IMAGE_SIZE, NUM_CLASSES, party_credentials, photos, predict_api

from leakdrill.archs import SmallCnn, build
from leakdrill.attacks import ConfidenceThreshold, Entropy, Lira, QuantileRegression, Rmia
from leakdrill.attacks.base import Verdict
from leakdrill.attacks.confidences.averaging import Averaging
from leakdrill.contract.worlds import LocalOracle, world
from leakdrill.data.forms import ImageForm
from leakdrill.defences import Guard, OutputNoise, guard
from leakdrill.defences.base import Owner
from leakdrill.models.cache import ModelCache
from leakdrill.models.fit import Fit
from leakdrill.models.training import predict, softmax
from leakdrill.oracles.answers import Answers
from leakdrill.oracles.remote import RemoteOracle
from leakdrill.parties.publish import publish

QUICK = Fit(epochs=1, batch_size=16)


def noise(fresh: bool, tmp_path: Path) -> Guard:
    owner = Owner(lambda: (np.empty((0, 4)), np.empty((0, 4))), {}, seed=5, cache=ModelCache(tmp_path))
    return guard([OutputNoise(eta=0.5, fresh=fresh)], owner)


def asked_behind(attack: Averaging, fresh: bool, tmp_path: Path) -> tuple[Verdict, int]:
    """The verdict on a memoriser behind noise, and how many examples it was asked about."""
    made = world("memoriser", per_class=5)
    source, noisy = made.view.oracle("cbig/source"), noise(fresh, tmp_path)
    oracle = LocalOracle("cbig/source", 4, lambda inputs: noisy(source.query(inputs), inputs))
    return attack.run(replace(made.view, oracles={"cbig/source": oracle})), oracle.num_asked


@pytest.mark.parametrize(
    "attack",
    [
        Entropy(),
        ConfidenceThreshold(fit=QUICK),
        QuantileRegression(own_queries=20, epochs=1),
        Lira(mode="offline", num_shadows=4, fit=QUICK),
        Rmia(mode="offline", num_shadows=4, fit=QUICK, population=10),
    ],
    ids=lambda attack: attack.kind,
)
def test_each_example_is_asked_about_so_often_and_noise_that_hangs_on_it_stays(
    attack: Averaging, tmp_path: Path
) -> None:
    once, num_once = asked_behind(attack, False, tmp_path)
    often, num_often = asked_behind(attack.model_copy(update={"average": 3}), False, tmp_path)
    assert num_often == 3 * num_once
    assert often.scores.tobytes() == once.scores.tobytes()
    if attack.most_queries(40):
        assert attack.model_copy(update={"average": 3}).most_queries(40) == 3 * attack.most_queries(40)


def test_noise_that_is_drawn_anew_goes_away(tmp_path: Path) -> None:
    undefended = Entropy().run(world("memoriser", per_class=5).view).scores

    def distance(average: int) -> float:
        scores = asked_behind(Entropy(average=average), True, tmp_path)[0].scores
        return float(np.abs((scores - scores.mean()) - (undefended - undefended.mean())).mean())

    assert distance(200) < 0.25 * distance(1)


def test_only_noise_that_is_drawn_anew_is_adapted_to_by_who_asks_often_enough() -> None:
    fresh, keyed = OutputNoise(eta=0.1, fresh=True), OutputNoise(eta=0.1)
    assert Entropy(average=100).adapts_to(fresh, "prediction")
    assert not Entropy(average=99).adapts_to(fresh, "prediction")
    assert not Entropy(average=100).adapts_to(OutputNoise(eta=0.2, fresh=True), "prediction")
    assert not Entropy(average=10_000).adapts_to(keyed, "prediction")
    assert Entropy(average=100).most_queries(3) == 100 * (3 + Entropy().threshold_queries)


def test_a_shadow_whose_answers_are_always_the_same_is_asked_once() -> None:
    attack, guarded = Lira(average=50), []

    def defend(scores: np.ndarray, keys: np.ndarray, questions: np.ndarray | None = None) -> np.ndarray:
        guarded.append(len(scores))
        return scores

    model, images = build(SmallCnn(), NUM_CLASSES).eval(), photos(3)
    for is_fresh, times in ((False, 1), (True, 50)):
        guarded.clear()
        attack._ask_shadow(model, Guard(defend, True, 1, is_fresh), images)
        assert len(guarded) == times


def test_a_real_api_counts_every_question_and_an_attack_that_is_played_again_pays_for_none(tmp_path: Path) -> None:
    credentials = party_credentials(tmp_path, "cbig", "adversary")
    model, images = build(SmallCnn(), NUM_CLASSES).eval(), photos(20)

    def averaged(average: int) -> np.ndarray:
        with (
            Answers(tmp_path / "answers") as kept,
            RemoteOracle("cbig/source", api.address, credentials["adversary"], 8, "attack", kept) as oracle,
        ):
            return Entropy(average=average).averaged(lambda: oracle.query(images))

    with predict_api(credentials["cbig"]) as api:
        noisy = noise(fresh=True, tmp_path=tmp_path)
        api.models["source"] = publish("source", model, NUM_CLASSES, ImageForm(IMAGE_SIZE), ["scores"], noisy)
        first = averaged(30)
        assert api.ledger.counts() == {("adversary", "source", "scores"): 600}
        assert averaged(30).tobytes() == first.tobytes()
        assert api.ledger.counts() == {("adversary", "source", "scores"): 600}
    assert np.abs(first - softmax(predict(model, images))).max() < 0.1
