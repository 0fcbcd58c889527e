"""What answers tell of single examples and people: nothing, by the plainest way to ask."""

import itertools

import numpy as np
import pytest
from small import SMALL, small

from leakdrill.attacks.base import Verdict
from leakdrill.attacks.external import External
from leakdrill.player.scores import upper_half
from leakdrill.player.telling import in_hundredths, num_per_side, standard_error, step_of, told
from leakdrill.referee.judged_attack import judge_attack
from leakdrill.referee.truth import Truth


def answer(scores: np.ndarray, truth: Truth, members_by: str) -> str:
    splits = {"source_train": 20, "source_test": 20, "source_validation": 5}
    scenario = small(
        data=SMALL["data"] | {"splits": splits, "challenge": {"members_by": members_by}},
        timeline=["train_source"],
        expect=[],
    )
    said = Verdict(scores, upper_half(scores), {})
    everything = np.ones(len(scores), bool)
    found = judge_attack(External(name="a"), [said], (truth.is_member, everything), scenario, truth, {}, 0.0).result
    return in_hundredths(told(found))


@pytest.mark.parametrize(("members_by", "num_photos"), [("photo", 1), ("identity", 2)])
def test_whoever_marks_one_is_told_the_same_of_a_member_as_of_another(members_by: str, num_photos: int) -> None:
    num = 200 if members_by == "photo" else 20  # per side
    labels = np.repeat(np.arange(2 * num), num_photos)
    truth = Truth(labels < num, labels)
    answers = {
        marked: answer((labels == marked).astype(float), truth, members_by) for marked in (0, 1, num, 2 * num - 1)
    }
    assert set(answers.values()) == {answers[0]}, "two members, two others"
    assert num_per_side(truth, members_by == "identity") == num


def test_what_is_told_follows_from_the_rounded_auc_alone() -> None:
    truth = Truth(np.arange(400) < 200, np.zeros(400, int))
    generator = np.random.default_rng(3)
    answers = [answer(generator.random(400), truth, "photo") for _ in range(12)]
    values = [each.partition(" ")[0] for each in answers]
    assert len(set(values)) < len(values)
    for (value, one), (other_value, other) in itertools.combinations(zip(values, answers, strict=True), 2):
        assert (value == other_value) == (one == other)


def test_steps_are_hundredths_or_a_little_more_than_three_of_a_side() -> None:
    assert [step_of(num) for num in (20, 200, 300, 5000)] == [pytest.approx(1 / 6), pytest.approx(1 / 66), 0.01, 0.01]


def test_the_standard_error_is_that_of_hanley_and_mcneil() -> None:
    # by hand, at 0.8 of 50 and 50: (0.16 + 49 (2/3 - 0.64) + 49 (1.28/1.8 - 0.64)) / 2500
    assert standard_error(0.8, 50, 50) == pytest.approx(
        np.sqrt((0.16 + 49 * 0.026667 + 49 * 0.071111) / 2500), rel=1e-4
    )
