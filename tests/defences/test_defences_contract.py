"""What every defence owes, whoever wrote it. A registered defence without a case here fails the first test."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from leakdrill.defences import (
    DEFENCES,
    Guard,
    MemGuard,
    MemGuardStrongest,
    OutputNoise,
    Purification,
    Rounding,
    Temperature,
    TopK,
    guard,
)
from leakdrill.defences.base import Defence, Scores
from leakdrill.models.fit import Fit
from tests.defences.answers import keys, members, non_members, owner

QUICK = Fit(epochs=5, batch_size=64, learning_rate=0.05, precision="float32")
CASES: dict[str, Defence] = {
    "memguard": MemGuard(fit=QUICK),
    "memguard_tight": MemGuard(fit=QUICK, epsilon=0.1),
    "memguard_strongest": MemGuardStrongest(),
    "memguard_strongest_sure": MemGuardStrongest(margin=0.5),
    "purification": Purification(fit=QUICK),
    "rounding": Rounding(),
    "rounding_coarsely": Rounding(decimals=1),
    "top_k": TopK(),
    "top_1": TopK(k=1),
    "output_noise": OutputNoise(),
    "output_noise_strong": OutputNoise(eta=5),
    "output_noise_fresh": OutputNoise(fresh=True),
    "temperature": Temperature(),
    "temperature_sharp": Temperature(temperature=0.1),
}
#: Settings that switch a defence off.
OFF = [MemGuard(epsilon=0), TopK(k=7), TopK(k=50), OutputNoise(eta=0), OutputNoise(eta=0, fresh=True)]
OFF += [Temperature(temperature=1)]
NUM_CLASSES = 7

Guarded = Callable[[Defence, int], Guard]


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Guarded:
    folder: Path = tmp_path_factory.mktemp("models")
    return lambda defence, num_classes: guard([defence], owner(folder, num_classes))


def rows(num_classes: int = NUM_CLASSES) -> Scores:
    """Sure ones, unsure ones, and the extremes: one-hot, uniform, two that share, and almost one-hot."""
    shared = np.zeros(num_classes)
    shared[-2:] = 0.5
    almost = np.full(num_classes, 1e-12)
    almost[0] = 1 - 1e-12 * (num_classes - 1)
    extremes = [*np.eye(num_classes), np.full(num_classes, 1 / num_classes), shared, almost]
    return np.concatenate([members(20, num_classes), non_members(20, num_classes), extremes])


every_defence = pytest.mark.parametrize("name", CASES)


def test_every_defence_has_a_case() -> None:
    assert {defence.kind for defence in CASES.values()} == set(DEFENCES)


@every_defence
@pytest.mark.parametrize("num_classes", [2, NUM_CLASSES])
def test_answers_are_probability_vectors_also_for_extremes(name: str, num_classes: int, guarded: Guarded) -> None:
    scores = rows(num_classes)
    defended = guarded(CASES[name], num_classes).defend(scores, keys(len(scores)))
    assert defended.shape == scores.shape
    assert defended.min() >= 0
    assert defended.sum(axis=1) == pytest.approx(1, abs=1e-6)


@every_defence
@pytest.mark.parametrize("num_classes", [2, NUM_CLASSES])
def test_the_top_class_stays_where_that_is_declared_also_in_single_precision(
    name: str, num_classes: int, guarded: Guarded
) -> None:
    defence, scores = CASES[name], rows(num_classes).astype(np.float32)
    made = guarded(defence, num_classes)
    assert made.keeps_argmax == defence.keeps_argmax
    if defence.keeps_argmax:
        images = np.random.default_rng(0).integers(0, 256, (len(scores), 4, 4, 3), dtype=np.uint8)
        assert (made(scores, images).argmax(axis=1) == scores.argmax(axis=1)).all()


@pytest.mark.parametrize("name", [name for name, defence in CASES.items() if not defence.keeps_argmax])
def test_a_defence_that_declares_nothing_of_the_top_class_does_change_it(name: str, guarded: Guarded) -> None:
    scores = 1 / NUM_CLASSES + 1e-3 * np.random.default_rng(0).normal(size=(2000, NUM_CLASSES))
    scores /= scores.sum(axis=1, keepdims=True)
    defended = guarded(CASES[name], NUM_CLASSES).defend(scores, keys(len(scores)))
    assert (defended.argmax(axis=1) != scores.argmax(axis=1)).any()


@every_defence
def test_a_defence_changes_answers(name: str, guarded: Guarded) -> None:
    scores = members(200, NUM_CLASSES)
    assert (guarded(CASES[name], NUM_CLASSES).defend(scores, keys(200)) != scores).any()


@pytest.mark.parametrize("defence", OFF, ids=repr)
def test_a_defence_that_is_off_gives_back_the_very_bits(defence: Defence, guarded: Guarded) -> None:
    scores = rows()
    made = guarded(defence, NUM_CLASSES)
    assert made.defend(scores, keys(len(scores))).tobytes() == scores.tobytes()
    images = np.zeros((len(scores), 4, 4, 3), np.uint8)
    single = scores.astype(np.float32)
    assert made(single, images).tobytes() == single.tobytes()


@pytest.mark.parametrize("name", [name for name in CASES if name != "output_noise_fresh"])
def test_an_answer_depends_on_its_row_and_key_alone_and_asking_twice_gives_the_same(
    name: str, guarded: Guarded
) -> None:
    scores, made = rows(), guarded(CASES[name], NUM_CLASSES)
    own = keys(len(scores))
    together = made.defend(scores, own)
    for row in (0, 25, *range(46, len(scores))):  # the extremes among them
        assert made.defend(scores[[row]], own[[row]]).tobytes() == together[[row]].tobytes()
    assert made.defend(scores[::-1], own[::-1])[::-1].tobytes() == together.tobytes()


def test_fresh_noise_averages_away_and_keyed_noise_does_not(guarded: Guarded) -> None:
    row = np.full(NUM_CLASSES, 1 / NUM_CLASSES)
    same = np.tile(row, (4000, 1))
    same_keys = np.zeros(4000, np.uint64)
    fresh = guarded(OutputNoise(fresh=True), NUM_CLASSES).defend(same, same_keys)
    keyed = guarded(OutputNoise(), NUM_CLASSES).defend(same, same_keys)
    assert np.abs(fresh.mean(axis=0) - row).max() < 0.005
    assert (keyed == keyed[0]).all()
    assert np.abs(keyed[0] - row).max() > 0.005


def test_defences_follow_one_another(guarded: Guarded, tmp_path: Path) -> None:
    scores = members(50, NUM_CLASSES)
    both = guard([Temperature(), TopK(k=2)], owner(tmp_path, NUM_CLASSES))
    softened = guarded(Temperature(), NUM_CLASSES).defend(scores, keys(50))
    assert (both.defend(scores, keys(50)) == guarded(TopK(k=2), NUM_CLASSES).defend(softened, keys(50))).all()
    assert not guard([Temperature(), Rounding()], owner(tmp_path, NUM_CLASSES)).keeps_argmax
