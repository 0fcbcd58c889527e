from pathlib import Path

import numpy as np
import pytest

from leakdrill.defences import MemGuard, guard
from leakdrill.defences.base import Scores
from leakdrill.defences.membership import MembershipNetwork, fit_membership
from leakdrill.defences.memguard import guarded, mixing, noisy_scores
from leakdrill.defences.noise_search import least_noise, softmax
from leakdrill.models.fit import Fit
from tests.defences.answers import keys, members, non_members, owner
from tests.defences.memguard_reference import as_torch, phase_one, phase_two

FIT = Fit(epochs=15, batch_size=64, learning_rate=0.02, weight_decay=0, schedule="constant", precision="float32")
NUM_CLASSES = 5


@pytest.fixture(scope="module")
def network() -> MembershipNetwork:
    weights = fit_membership(members(600, NUM_CLASSES), non_members(300, NUM_CLASSES), FIT, seed=1)
    return MembershipNetwork.of(weights)


@pytest.fixture(scope="module")
def asked() -> Scores:
    return np.concatenate([members(150, NUM_CLASSES, 7), non_members(150, NUM_CLASSES, 7)])


def ascending(scores: Scores) -> Scores:
    return np.sort(scores, axis=1)


def test_the_membership_network_tells_members_from_others_that_it_never_saw(network: MembershipNetwork) -> None:
    of_members, of_others = (network.log_odds(ascending(make(500, NUM_CLASSES, 9))) for make in (members, non_members))
    assert (of_members > 0).mean() + (of_others <= 0).mean() > 1.3


def test_its_gradient_is_the_slope_of_its_log_odds(network: MembershipNetwork) -> None:
    scores = ascending(non_members(8, NUM_CLASSES))
    _, gradient = network.log_odds_and_gradient(scores)
    for index in range(NUM_CLASSES):
        step = 1e-7 * np.eye(NUM_CLASSES)[index]
        slope = (network.log_odds(scores + step) - network.log_odds(scores - step)) / 2e-7
        assert gradient[:, index] == pytest.approx(slope, abs=1e-5)


def test_both_phases_equal_the_authors_procedure_row_by_row(network: MembershipNetwork) -> None:
    one_by_one = as_torch(network)
    logits = np.log(ascending(np.concatenate([members(8, NUM_CLASSES, 3), non_members(8, NUM_CLASSES, 3)])))
    noisy, expected = least_noise(network, logits), phase_one(one_by_one, logits)
    assert np.abs(noisy - expected).max() < 1e-6
    assert (noisy != softmax(logits)).any(axis=1).mean() > 0.8  # or there was nothing to compare
    original = softmax(logits)
    for epsilon in (0.05, 0.5, 2):
        expected_mixing = phase_two(one_by_one, original, expected, epsilon)
        assert mixing(network, original, noisy, epsilon) == pytest.approx(expected_mixing, abs=1e-6)
        assert expected_mixing.max() > 0


def test_the_noise_leaves_the_network_undecided_and_the_top_class_on_top(
    network: MembershipNetwork, asked: Scores
) -> None:
    noisy = noisy_scores(network, asked)
    before, after = (np.abs(network.log_odds(ascending(scores))) for scores in (asked, noisy))
    assert np.median(after) < 0.2 * np.median(before)
    assert (noisy.argmax(axis=1) == asked.argmax(axis=1)).all()


@pytest.mark.parametrize("epsilon", [0.01, 0.2, 1.0])
def test_expected_distortion_keeps_to_the_budget_on_every_row(
    network: MembershipNetwork, asked: Scores, epsilon: float
) -> None:
    noisy = noisy_scores(network, asked)
    distances = np.abs(noisy - asked).sum(axis=1)
    assert (mixing(network, asked, noisy, epsilon) * distances <= epsilon + 1e-12).all()
    if epsilon == 0.01:
        assert (distances > epsilon).mean() > 0.5  # the budget binds


def test_the_coin_falls_as_often_as_phase_two_says_and_the_same_way_for_the_same_key(
    network: MembershipNetwork,
) -> None:
    row = members(1, NUM_CLASSES, 4)
    noisy = noisy_scores(network, row)
    (probability,) = mixing(network, row, noisy, epsilon=0.3 * float(np.abs(noisy - row).sum()))
    assert probability == pytest.approx(0.3)
    epsilon = 0.3 * float(np.abs(noisy - row).sum())
    many, own = np.tile(row, (500, 1)), keys(500)
    answers = guarded(network, many, own, epsilon)
    changed = (answers != many).any(axis=1)
    assert changed.mean() == pytest.approx(0.3, abs=0.08)  # four standard errors
    assert np.array_equal(answers[changed], np.repeat(noisy, changed.sum(), axis=0))
    assert np.array_equal(guarded(network, many[:50], own[:50], epsilon), answers[:50])


def test_an_attacker_who_ignores_the_defence_is_confused(network: MembershipNetwork, tmp_path: Path) -> None:
    """The network of another split of the same data, as the attacker: what it said of half the rows turns."""
    attacker = MembershipNetwork.of(
        fit_membership(members(600, NUM_CLASSES, 5), non_members(600, NUM_CLASSES, 5), FIT, 2)
    )
    defended = guarded(network, members(300, NUM_CLASSES, 7), keys(300), epsilon=2.0)
    undefended_recall = (attacker.log_odds(ascending(members(300, NUM_CLASSES, 7))) > 0).mean()
    assert (attacker.log_odds(ascending(defended)) > 0).mean() < undefended_recall - 0.1


def test_the_membership_network_is_fitted_once_for_what_made_it(tmp_path: Path) -> None:
    scores = members(20, NUM_CLASSES)
    first = guard([MemGuard(fit=FIT)], owner(tmp_path, NUM_CLASSES)).defend(scores, keys(20))
    again = guard([MemGuard(fit=FIT, epsilon=0.2)], owner(tmp_path, NUM_CLASSES))
    assert len(list(tmp_path.glob("*/meta.json"))) == 1  # whatever the budget
    assert again.defend(scores, keys(20)).shape == first.shape
    guard([MemGuard(fit=FIT.model_copy(update={"epochs": 2}))], owner(tmp_path, NUM_CLASSES))
    assert len(list(tmp_path.glob("*/meta.json"))) == 2
